#ifndef KERNELS_CUDA_REDUCTIONS_H_
#define KERNELS_CUDA_REDUCTIONS_H_

#include <cuda_runtime_api.h>

#include <span>

#include "kernels/cuda/workspace.h"
#include "kernels/tensor.h"

namespace penstock::cuda {

// See Backend.
cudaError_t ColumnSums(cudaStream_t stream, ConstTensor x,
                       const Workspace& workspace, float* sums);
cudaError_t Accumulate(cudaStream_t stream, const float* x, int64_t count,
                       float* out);

// At most kSquaresMax arrays. Leaves the sums as the workspace's first doubles.
inline constexpr int kSquaresMax = 2048;
cudaError_t SumsOfSquares(cudaStream_t stream,
                          std::span<const std::span<const float>> arrays,
                          const Workspace& workspace);

// c = bias, on every row, + addend; either may be absent, c may be addend.
cudaError_t FillRows(cudaStream_t stream, const float* bias, ConstTensor addend,
                     Tensor c);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_REDUCTIONS_H_
