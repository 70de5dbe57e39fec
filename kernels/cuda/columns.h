#ifndef KERNELS_CUDA_COLUMNS_H_
#define KERNELS_CUDA_COLUMNS_H_

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/workspace.h"

namespace penstock::cuda {

// Sums over the rows of a matrix, for each column, in an order that depends on
// the matrix's size alone: first within chunks of rows, then over the chunks,
// one after the other. `Terms` is what is summed:
//   static constexpr int kSums;  // How many sums per column.
//   template <int kWidth>
//   void operator()(int64_t row, int64_t col, Floats<kWidth>* sums) const;
// which adds row `row`'s terms of columns col .. col + kWidth to sums[0 ..].

inline constexpr int kRowLanes = 8;  // Warps of a block, each with own rows.

// partial [kSums, chunks, cols].
template <int kWidth, typename Terms>
__global__ void PartialColumnSumsKernel(Terms terms, int64_t rows, int64_t cols,
                                        int64_t rows_per_chunk,
                                        float* partial) {
  constexpr int kColumns = kWarpSize * kWidth;  // Of one block.
  __shared__ float shared[kRowLanes][kColumns];
  const int lane = threadIdx.x % kWarpSize;
  const int row_lane = threadIdx.x / kWarpSize;
  const int64_t first = int64_t{blockIdx.x} * kColumns;
  const int64_t col = first + lane * kWidth;
  Floats<kWidth> sums[Terms::kSums] = {};
  const int64_t begin = blockIdx.y * rows_per_chunk;
  const int64_t end = min(begin + rows_per_chunk, rows);
  if (col < cols) {
    for (int64_t row = begin + row_lane; row < end; row += kRowLanes) {
      terms.template operator()<kWidth>(row, col, sums);
    }
  }
  for (int s = 0; s < Terms::kSums; ++s) {
    for (int j = 0; j < kWidth; ++j) {
      shared[row_lane][lane * kWidth + j] = sums[s][j];
    }
    __syncthreads();
    float* const out = partial + (int64_t{s} * gridDim.y + blockIdx.y) * cols;
    for (int c = threadIdx.x; c < kColumns; c += blockDim.x) {
      float sum = 0;
      for (int r = 0; r < kRowLanes; ++r) sum += shared[r][c];
      if (first + c < cols) out[first + c] = sum;
    }
    __syncthreads();
  }
}

// out[s][c] += sum over the chunks of partial[s][chunk][c]: a warp's 32
// columns, each of kRowLanes warps every kRowLanes-th chunk, then those sums.
template <int kSums>
__global__ void AddChunksKernel(const float* partial, int64_t chunks,
                                int64_t cols, std::array<float*, kSums> out) {
  __shared__ float shared[kRowLanes][kWarpSize];
  const int lane = threadIdx.x % kWarpSize;
  const int chunk_lane = threadIdx.x / kWarpSize;
  const int64_t col = int64_t{blockIdx.x} * kWarpSize + lane;
  for (int s = 0; s < kSums; ++s) {
    float part = 0;
    for (int64_t chunk = chunk_lane; col < cols && chunk < chunks;
         chunk += kRowLanes) {
      part += partial[(s * chunks + chunk) * cols + col];
    }
    shared[chunk_lane][lane] = part;
    __syncthreads();
    if (chunk_lane == 0 && col < cols) {
      float sum = 0;
      for (int i = 0; i < kRowLanes; ++i) sum += shared[i][lane];
      out[s][col] += sum;
    }
    __syncthreads();  // Before the next parts.
  }
}

// Errors: cudaErrorInvalidValue if one row of sums exceeds the workspace.
template <int kWidth, typename Terms>
cudaError_t AddColumnSums(cudaStream_t stream, const Terms& terms, int64_t rows,
                          int64_t cols, const Workspace& workspace,
                          std::array<float*, Terms::kSums> out) {
  constexpr int kSums = Terms::kSums;
  // Enough blocks for every device even where the columns are few.
  constexpr int64_t kChunksMax = 128;
  constexpr int64_t kRowsMin = 4 * kRowLanes;
  const int64_t fitting = workspace.bytes / (kSums * cols * int64_t{4});
  if (fitting == 0) return cudaErrorInvalidValue;
  const int64_t most = std::min(kChunksMax, fitting);
  const int64_t rows_per_chunk = std::max(kRowsMin, CeilDiv(rows, most));
  const int64_t chunks = CeilDiv(rows, rows_per_chunk);
  float* const partial = reinterpret_cast<float*>(workspace.data);
  const dim3 grid(CeilDiv(cols, kWarpSize * kWidth), chunks);
  const cudaError_t error = Launch(stream, grid, kRowLanes * kWarpSize,
                                   PartialColumnSumsKernel<kWidth, Terms>,
                                   terms, rows, cols, rows_per_chunk, partial);
  if (error != cudaSuccess) return error;
  return Launch(stream, dim3(CeilDiv(cols, kWarpSize)), kRowLanes * kWarpSize,
                AddChunksKernel<kSums>, static_cast<const float*>(partial),
                chunks, cols, out);
}

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_COLUMNS_H_
