#ifndef KERNELS_CUDA_FUSED_ATTENTION_H_
#define KERNELS_CUDA_FUSED_ATTENTION_H_

#include <cuda_runtime_api.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/backend.h"

namespace penstock::cuda {

// The tensors of an attention and, for its backward pass, their gradients.
struct AttentionTensors {
  AttentionShape shape;
  ConstTensor q, k, v;
  float* lse = nullptr;  // Written by Forward, read by Backward.
  Tensor out;
  ConstTensor dout;
  Tensor dq, dk, dv;
};

// Attention on tensor cores, for the shapes that it takes.
class FusedAttention {
 public:
  virtual ~FusedAttention() = default;

  // False if Forward (Backward with `backward`) would answer Unimplemented. The
  // first question for a shape takes about a second.
  //
  // Errors: of the library; not that it lacks the shape.
  virtual absl::StatusOr<bool> Takes(const AttentionTensors& tensors,
                                     bool backward) = 0;

  // See Backend.
  //
  // Errors:
  //   ResourceExhausted: no memory for what it keeps between its kernels.
  //   Unimplemented: a shape that it does not take.
  virtual absl::Status Forward(cudaStream_t stream,
                               const AttentionTensors& tensors) = 0;
  virtual absl::Status Backward(cudaStream_t stream,
                                const AttentionTensors& tensors) = 0;
};

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_FUSED_ATTENTION_H_
