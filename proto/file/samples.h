#ifndef PROTO_FILE_SAMPLES_H_
#define PROTO_FILE_SAMPLES_H_

#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/file/token_file.h"

namespace penstock {

struct SampleOptions {
  int64_t sequence_length = 0;  // T
  bool shuffled = false;        // Else in the order of the file.
  uint64_t seed = 0;
};

// The training samples of a token file. Place p of the file holds tokens
// [p*T, p*T + T]: T inputs and, one later, T labels; there are
// N = (count - 1) / T places. Samples are numbered without end: sample k
// belongs to epoch k / N and reads place k % N, or in shuffled order place
// Permute(k % N) with a permutation drawn from (seed, epoch). So the data of a
// step depends on nothing but the numbers of its samples: step s of a job that
// started at 0 with a global batch of B uses [s*B, (s+1)*B).
//
// Immutable, so thread-safe.
class Samples {
 public:
  // Errors:
  //   InvalidArgument: the file has fewer than T + 1 tokens, or T < 1.
  static absl::StatusOr<Samples> Create(TokenFile file,
                                        const SampleOptions& options);

  // N, samples of one epoch.
  int64_t count() const { return count_; }

  // The place in the file that sample k >= 0 reads.
  int64_t PlaceOf(int64_t k) const;

  // Fills `tokens` [T] and `labels` [T] with those of sample k >= 0.
  void Read(int64_t k, std::span<int32_t> tokens,
            std::span<int32_t> labels) const;

 private:
  Samples(TokenFile file, const SampleOptions& options, int64_t count)
      : file_(std::move(file)), options_(options), count_(count) {}

  TokenFile file_;
  SampleOptions options_;
  int64_t count_ = 0;
};

}  // namespace penstock

#endif  // PROTO_FILE_SAMPLES_H_
