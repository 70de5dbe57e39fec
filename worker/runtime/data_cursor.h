#ifndef WORKER_RUNTIME_DATA_CURSOR_H_
#define WORKER_RUNTIME_DATA_CURSOR_H_

#include <cstdint>

#include "proto/plan.h"

namespace penstock {

// Which samples a step uses: those after what the start checkpoint consumed,
// a global batch at a time, replica by replica and micro-batch by micro-batch.
struct DataCursor {
  int64_t start_step = 0;     // Updates in the start checkpoint.
  int64_t start_samples = 0;  // Samples it consumed.
  int64_t micro_batch_size = 1;
  int64_t micro_batches = 1;
  int64_t replicas = 1;

  static DataCursor Of(const Plan& plan, int64_t start_samples) {
    return {.start_step = plan.start.step,
            .start_samples = start_samples,
            .micro_batch_size = plan.spec.batch.micro_batch_size,
            .micro_batches = plan.spec.batch.micro_batches,
            .replicas = plan.spec.parallelism.data};
  }

  // Samples of the global batch.
  int64_t batch() const { return micro_batch_size * micro_batches * replicas; }

  // Samples consumed when `step` updates are made.
  int64_t SamplesAfter(int64_t step) const {
    return start_samples + (step - start_step) * batch();
  }

  // The first sample of a micro-batch in the step that makes update `step`.
  int64_t FirstSample(int64_t step, int replica, int microbatch) const {
    return SamplesAfter(step - 1) +
           (replica * micro_batches + microbatch) * micro_batch_size;
  }
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_DATA_CURSOR_H_
