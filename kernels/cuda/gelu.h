#ifndef KERNELS_CUDA_GELU_H_
#define KERNELS_CUDA_GELU_H_

#include <cuda_runtime_api.h>

#include "kernels/cuda/workspace.h"
#include "kernels/tensor.h"

namespace penstock::cuda {

// See Backend; tensors of one type. What every function here returns is the
// error of its launches.
cudaError_t Gelu(cudaStream_t stream, ConstTensor x, Tensor out);
cudaError_t GeluBackward(cudaStream_t stream, ConstTensor dout, ConstTensor x,
                         const Workspace& workspace, Tensor dx, Tensor out,
                         float* sums);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_GELU_H_
