// Stands for make_cuda_backend.cc in a build without the CUDA toolkit.

#include "kernels/backend.h"
#include "kernels/copy_queue.h"
#include "kernels/cuda_devices.h"

namespace penstock {
namespace {

absl::Status WithoutCuda() {
  return absl::UnavailableError("built without CUDA (--config=cuda)");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> MakeCudaBackend(
    int /*device*/, const CudaOptions& /*options*/) {
  return WithoutCuda();
}

absl::StatusOr<std::unique_ptr<CopyQueue>> MakeCudaCopyQueue(
    int /*device*/, absl::Duration /*wait_max*/) {
  return WithoutCuda();
}

absl::StatusOr<std::vector<CudaDevice>> ListCudaDevices() {
  return WithoutCuda();
}

}  // namespace penstock
