// The CUDA backend, copy queues and the list of devices of the real runtime.

#include <utility>

#include "kernels/backend.h"
#include "kernels/copy_queue.h"
#include "kernels/cuda/copy_queue.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/cudnn_attention.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/list_devices.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/runtime.h"
#include "kernels/cuda/wait_options.h"
#include "kernels/cuda_devices.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<std::unique_ptr<Backend>> MakeCudaBackend(
    int device, const CudaOptions& options) {
  ASSIGN_OR_RETURN(auto opened,
                   cuda::Device::Open(cuda::CudaRuntime(), device,
                                      cuda::SteadyWait(options.wait_max)));
  ASSIGN_OR_RETURN(auto products, cuda::MakeProducts());
  ASSIGN_OR_RETURN(auto attention,
                   cuda::MakeCudnnAttention(*opened, options.attention));
  return cuda::MakeBackend(std::move(opened), std::move(products),
                           std::move(attention), options.graphs);
}

absl::StatusOr<std::unique_ptr<CopyQueue>> MakeCudaCopyQueue(
    int device, absl::Duration wait_max) {
  ASSIGN_OR_RETURN(auto opened, cuda::Device::Open(cuda::CudaRuntime(), device,
                                                   cuda::SteadyWait(wait_max)));
  return cuda::MakeCopyQueue(std::move(opened));
}

absl::StatusOr<std::vector<CudaDevice>> ListCudaDevices() {
  return cuda::ListDevices(cuda::CudaRuntime());
}

}  // namespace penstock
