// Stands for make_cuda_backend.cc in tests: the CPU's backend, watched, so that
// the suites show that each operation is handed on as it was asked for.

#include <utility>

#include "kernels/backend.h"
#include "worker/executor/device_calls.h"
#include "worker/executor/watched_backend.h"

namespace penstock {

absl::StatusOr<std::unique_ptr<Backend>> MakeCudaBackend(
    int /*device*/, const CudaOptions& /*options*/) {
  static DeviceCalls& calls = *new DeviceCalls;
  return WatchBackend(MakeCpuBackend(), calls.Add(absl::Minutes(1)));
}

}  // namespace penstock
