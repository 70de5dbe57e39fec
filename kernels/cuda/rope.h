#ifndef KERNELS_CUDA_ROPE_H_
#define KERNELS_CUDA_ROPE_H_

#include <cuda_runtime_api.h>

#include "kernels/rope_shape.h"
#include "kernels/tensor.h"

namespace penstock::cuda {

// The frequencies travel as an argument of the launch.
inline constexpr int64_t kRopeHeadDimMax = 256;

// See Backend; heads of at most kRopeHeadDimMax.
cudaError_t Rope(cudaStream_t stream, const RopeShape& shape, Tensor x);
cudaError_t RopeBackward(cudaStream_t stream, const RopeShape& shape,
                         Tensor dx);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_ROPE_H_
