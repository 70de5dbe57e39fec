#ifndef TESTS_GPU_RANDOM_JOB_H_
#define TESTS_GPU_RANDOM_JOB_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "proto/job_spec.h"
#include "proto/plan.h"

namespace penstock::gpu {

// A directory of its own with random tokens in it; goes with what is in it when
// this does. Thread-compatible.
class RandomTokens {
 public:
  // `count` tokens below `vocabulary`, which is at most 65536; equal ones every
  // time.
  //
  // Errors: as WriteFileAtomically.
  static absl::StatusOr<RandomTokens> Create(int64_t vocabulary, int64_t count);

  RandomTokens(RandomTokens&& other) noexcept;
  RandomTokens& operator=(RandomTokens&&) = delete;
  ~RandomTokens();

  const std::string& directory() const { return directory_; }

  // A job on these tokens, by default with all of JobSpec's.
  JobSpec Spec(const std::string& name, const Architecture& model) const;

 private:
  explicit RandomTokens(std::string directory)
      : directory_(std::move(directory)) {}

  std::string directory_;
};

// The plan of `spec` for ranks on devices of one kind, "cpu" or "cuda", with
// any amount of memory. Its checkpoints go into a directory below `tokens`' by
// the job's name, which is emptied.
//
// Errors: as MakePlan.
absl::StatusOr<Plan> PlanOf(const RandomTokens& tokens, JobSpec spec,
                            const std::string& kind);

}  // namespace penstock::gpu

#endif  // TESTS_GPU_RANDOM_JOB_H_
