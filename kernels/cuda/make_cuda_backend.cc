// The CUDA backend on a real device.

#include <utility>

#include "kernels/backend.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/cudnn_attention.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/runtime.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<std::unique_ptr<Backend>> MakeCudaBackend(int device,
                                                         AttentionForm form) {
  ASSIGN_OR_RETURN(auto opened,
                   cuda::Device::Open(cuda::CudaRuntime(), device));
  ASSIGN_OR_RETURN(auto products, cuda::MakeProducts());
  ASSIGN_OR_RETURN(auto attention, cuda::MakeCudnnAttention(*opened, form));
  return cuda::MakeBackend(std::move(opened), std::move(products),
                           std::move(attention));
}

}  // namespace penstock
