#ifndef TESTS_GPU_FITTING_H_
#define TESTS_GPU_FITTING_H_

#include "absl/status/status.h"
#include "tests/gpu/workload.h"

namespace penstock::gpu {

// measure(workload), a StatusOr. While that lacks memory the micro-batches are
// halved, and there are twice as many.
template <typename Measure>
auto MeasureWhatFits(Workload workload, const Measure& measure) {
  for (;;) {
    auto measured = measure(workload);
    if (!absl::IsResourceExhausted(measured.status()) ||
        workload.batch.micro_batch_size % 2 != 0) {
      return measured;
    }
    workload.batch.micro_batch_size /= 2;
    workload.batch.micro_batches *= 2;
  }
}

}  // namespace penstock::gpu

#endif  // TESTS_GPU_FITTING_H_
