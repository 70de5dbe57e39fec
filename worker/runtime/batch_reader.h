#ifndef WORKER_RUNTIME_BATCH_READER_H_
#define WORKER_RUNTIME_BATCH_READER_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace penstock {

// Gives the tokens and labels of one replica's micro-batches. What a
// micro-batch holds is a pure function of its step and number.
//
// Thread-compatible.
class BatchReader {
 public:
  virtual ~BatchReader() = default;

  // Fills the token before and the token at each place: [micro_batch_size x
  // sequence_length] each, row by row. `step` counts from 1.
  //
  // Errors: as the source of the tokens says.
  virtual absl::Status Read(int64_t step, int microbatch,
                            std::span<int32_t> tokens,
                            std::span<int32_t> labels) = 0;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_BATCH_READER_H_
