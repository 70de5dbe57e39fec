#ifndef KERNELS_CUDA_ATTENTION_H_
#define KERNELS_CUDA_ATTENTION_H_

#include <cuda_runtime_api.h>

#include "kernels/attention_shape.h"
#include "kernels/tensor.h"

namespace penstock::cuda {

// Attention for every shape with heads of at most kHeadDimMax, one warp per
// query or key, without tensor cores: for float32, and for what cuDNN does not
// take. See Backend; tensors of one type. Sums run over keys or queries in
// their order, 32 at a time.
inline constexpr int64_t kHeadDimMax = 256;

cudaError_t Attention(cudaStream_t stream, const AttentionShape& shape,
                      ConstTensor q, ConstTensor k, ConstTensor v, Tensor out,
                      float* lse);

// `delta` [batch, heads, sequence] is overwritten.
cudaError_t AttentionBackward(cudaStream_t stream, const AttentionShape& shape,
                              ConstTensor q, ConstTensor k, ConstTensor v,
                              ConstTensor out, ConstTensor dout,
                              const float* lse, float* delta, Tensor dq,
                              Tensor dk, Tensor dv);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_ATTENTION_H_
