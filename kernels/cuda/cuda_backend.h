#ifndef KERNELS_CUDA_CUDA_BACKEND_H_
#define KERNELS_CUDA_CUDA_BACKEND_H_

#include <memory>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/fused_attention.h"
#include "kernels/cuda/products.h"

namespace penstock::cuda {

// The backend on `device` with its products and, where not null, its fused
// attention; else all attention is kernels/cuda/attention's.
//
// Errors:
//   ResourceExhausted: no memory for the workspace.
absl::StatusOr<std::unique_ptr<Backend>> MakeBackend(
    std::unique_ptr<Device> device, std::unique_ptr<Products> products,
    std::unique_ptr<FusedAttention> fused_attention, GraphUse graphs);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_CUDA_BACKEND_H_
