#ifndef KERNELS_CUDA_ATTENTION_GRAPH_H_
#define KERNELS_CUDA_ATTENTION_GRAPH_H_

#include <cudnn.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "kernels/attention_shape.h"
#include "kernels/cuda/cudnn_graph.h"

namespace penstock::cuda {

// Attention as graphs of single operations that cuDNN recognizes and runs as
// one fused kernel; its SDPA operations cannot say "causal" before 9.21. The
// order of the operations is what it recognizes.

// Elements from one row to the next.
struct AttentionStrides {
  int64_t q = 0;
  int64_t k = 0;
  int64_t v = 0;
  int64_t out = 0;
  int64_t dout = 0;
  int64_t dq = 0;
  int64_t dk = 0;
  int64_t dv = 0;

  auto operator<=>(const AttentionStrides&) const = default;
};

// Names of the graphs' tensors. All but these are bfloat16: lse and delta
// [batch, heads, sequence, 1] and the partial sums of dq, which are float32 in
// device memory, and the scalars, in host memory.
enum AttentionUid : int64_t {
  kQ = 1,
  kK,
  kV,
  kOut,
  kLse,
  kDOut,
  kDQ,
  kDK,
  kDV,
  kDelta,
  kPartialDQ,      // [batch, heads, sequence, head_dim], dense.
  kScale,          // float, 1 / sqrt(head_dim).
  kMinusInfinity,  // float.
  kOne,            // float.
  kBefore,         // int32, shape.before.
};

// out and lse from q, k and v.
//
// Errors of both:
//   Unimplemented: cuDNN does not know such a graph.
absl::StatusOr<CudnnDescriptor> ForwardAttention(
    const AttentionShape& shape, const AttentionStrides& strides,
    cudnnHandle_t handle);

// dq, dk and dv from q, k, v, out, lse and dout; delta is overwritten. The
// deterministic form keeps batch * heads * sequence^2 values between its
// kernels; the other sums dq in the order in which parts of it are done, in
// kPartialDQ.
absl::StatusOr<CudnnDescriptor> BackwardAttention(
    const AttentionShape& shape, const AttentionStrides& strides,
    bool deterministic, cudnnHandle_t handle);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_ATTENTION_GRAPH_H_
