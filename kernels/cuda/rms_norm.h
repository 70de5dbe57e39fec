#ifndef KERNELS_CUDA_RMS_NORM_H_
#define KERNELS_CUDA_RMS_NORM_H_

#include <cuda_runtime_api.h>

#include "kernels/cuda/workspace.h"
#include "kernels/tensor.h"

namespace penstock::cuda {

// See Backend; tensors of one type. A block takes a row, as in LayerNorm.
cudaError_t RmsNorm(cudaStream_t stream, ConstTensor x, const float* gain,
                    float epsilon, Tensor out, float* rstd);
cudaError_t RmsNormBackwardInput(cudaStream_t stream, ConstTensor dout,
                                 ConstTensor x, const float* rstd,
                                 const float* gain, ConstTensor addend,
                                 Tensor dx);
cudaError_t RmsNormBackwardWeight(cudaStream_t stream, ConstTensor dout,
                                  ConstTensor x, const float* rstd,
                                  const float* gain, const Workspace& workspace,
                                  Tensor out, float* dgain);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_RMS_NORM_H_
