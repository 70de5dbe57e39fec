#ifndef KERNELS_CUDA_SWIGLU_H_
#define KERNELS_CUDA_SWIGLU_H_

#include <cuda_runtime_api.h>

#include "kernels/tensor.h"

namespace penstock::cuda {

// See Backend; tensors of one type.
cudaError_t SwiGlu(cudaStream_t stream, ConstTensor gate, ConstTensor up,
                   Tensor out);
cudaError_t SwiGluBackward(cudaStream_t stream, ConstTensor dout,
                           ConstTensor gate, ConstTensor up, Tensor dgate,
                           Tensor dup, Tensor out);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_SWIGLU_H_
