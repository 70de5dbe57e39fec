#ifndef WORKER_RUNTIME_SAMPLE_READER_H_
#define WORKER_RUNTIME_SAMPLE_READER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "proto/file/allowed_roots.h"
#include "proto/file/samples.h"
#include "proto/plan.h"
#include "worker/runtime/batch_reader.h"
#include "worker/runtime/data_cursor.h"

namespace penstock {

// The micro-batches of one replica, from the plan's token file.
class SampleReader final : public BatchReader {
 public:
  // Errors: those of AllowedRoots::Resolve, TokenFile::Open, Samples::Create.
  static absl::StatusOr<std::unique_ptr<SampleReader>> Open(
      const Plan& plan, int replica, const DataCursor& cursor,
      const AllowedRoots& roots);

  absl::Status Read(int64_t step, int microbatch, std::span<int32_t> tokens,
                    std::span<int32_t> labels) override;

 private:
  SampleReader(Samples samples, int64_t sequence_length, int replica,
               const DataCursor& cursor)
      : samples_(std::move(samples)),
        sequence_length_(sequence_length),
        replica_(replica),
        cursor_(cursor) {}

  const Samples samples_;
  const int64_t sequence_length_;
  const int replica_;
  const DataCursor cursor_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_SAMPLE_READER_H_
