#ifndef KERNELS_CUDA_CROSS_ENTROPY_H_
#define KERNELS_CUDA_CROSS_ENTROPY_H_

#include <cuda_runtime_api.h>

#include "kernels/tensor.h"

namespace penstock::cuda {

// See Backend. The loss and the gradient of a row whose label is not a column
// are NaN.
cudaError_t CrossEntropy(cudaStream_t stream, Tensor logits,
                         const int32_t* labels, float scale, float* losses);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_CROSS_ENTROPY_H_
