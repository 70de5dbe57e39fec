#ifndef KERNELS_CUDA_LAYER_NORM_H_
#define KERNELS_CUDA_LAYER_NORM_H_

#include <cuda_runtime_api.h>

#include "kernels/cuda/workspace.h"
#include "kernels/tensor.h"

namespace penstock::cuda {

// See Backend; tensors of one type. A block takes a row, whose second and third
// reading come from the first-level cache.
cudaError_t LayerNorm(cudaStream_t stream, ConstTensor x, const float* gain,
                      const float* bias, float epsilon, Tensor out, float* mean,
                      float* rstd);
cudaError_t LayerNormBackwardInput(cudaStream_t stream, ConstTensor dout,
                                   ConstTensor x, const float* mean,
                                   const float* rstd, const float* gain,
                                   ConstTensor addend, Tensor dx);
cudaError_t LayerNormBackwardWeight(cudaStream_t stream, ConstTensor dout,
                                    ConstTensor x, const float* mean,
                                    const float* rstd, const float* gain,
                                    const float* bias,
                                    const Workspace& workspace, Tensor out,
                                    float* dgain, float* dbias);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_LAYER_NORM_H_
