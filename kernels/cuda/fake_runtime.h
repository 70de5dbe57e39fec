#ifndef KERNELS_CUDA_FAKE_RUNTIME_H_
#define KERNELS_CUDA_FAKE_RUNTIME_H_

#include "absl/time/time.h"
#include "kernels/cuda/runtime.h"
#include "kernels/cuda/wait_options.h"

namespace penstock::cuda {

// A runtime without a device that fails on demand, in a time of its own; for
// tests. Plain functions, so what they answer is global.
struct FakeAnswers {
  int driver_version = 13000;
  int device_count = 2;
  int device_count_error = 0;
  // Of device 0 and of all others.
  int capability = 90;
  int others_capability = 90;
  int properties_error = 0;
  int stream_error = 0;
  int malloc_error = 0;
  int host_alloc_error = 0;
  int free_error = 0;
  int copy_error = 0;
  // What a query answers, after so many that it is not ready.
  int query_error = 0;
  int queries_not_ready = 0;

  // What was done.
  int streams = 0;      // That there are.
  int allocations = 0;  // That there are, on device and host.
  int queries = 0;      // Of streams.
  int contexts = 0;     // Calls that would create one.
  int current_device = -1;
  absl::Time now;  // Goes on by pauses and a microsecond per question.
  absl::Duration paused;
};
extern FakeAnswers fake;

const Runtime& FakeRuntime();
WaitOptions FakeWait(absl::Duration wait_max = absl::Seconds(10));

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_FAKE_RUNTIME_H_
