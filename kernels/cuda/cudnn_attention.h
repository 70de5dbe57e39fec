#ifndef KERNELS_CUDA_CUDNN_ATTENTION_H_
#define KERNELS_CUDA_CUDNN_ATTENTION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/fused_attention.h"

namespace penstock::cuda {

// cuDNN's attention for bfloat16 on `device`, which must outlive it. Keeps the
// memory that its largest call so far needed. A forward and a backward pass of
// one shape are compiled at their first call.
//
// Errors:
//   Unavailable: cuDNN does not start.
absl::StatusOr<std::unique_ptr<FusedAttention>> MakeCudnnAttention(
    Device& device, AttentionForm form);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_CUDNN_ATTENTION_H_
