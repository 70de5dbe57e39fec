#ifndef KERNELS_CUDA_BFLOAT16_H_
#define KERNELS_CUDA_BFLOAT16_H_

#include <cuda_runtime_api.h>

#include "kernels/tensor.h"

namespace penstock::cuda {

// See Backend.
cudaError_t Round(cudaStream_t stream, ConstTensor x, Tensor out);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_BFLOAT16_H_
