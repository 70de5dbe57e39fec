#ifndef KERNELS_CUDA_BLOCK_H_
#define KERNELS_CUDA_BLOCK_H_

#include <cuda_runtime.h>

#include "kernels/cuda/launch.h"

namespace penstock::cuda {

// Sums and maxima over the threads of a warp or block. Every thread gets the
// result; the order depends on the number of threads alone. Blocks have one
// dimension and whole warps.

template <typename T>
__device__ T WarpSum(T value) {
  for (int offset = kWarpSize / 2; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  }
  return value;
}

__device__ inline float WarpMax(float value) {
  for (int offset = kWarpSize / 2; offset > 0; offset /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  return value;
}

// Each warp's value in shared memory, seen by all threads.
template <typename T>
__device__ const T* GatherWarps(T of_warp) {
  __shared__ T parts[kWarpSize];
  __syncthreads();  // Nobody reads what the call before left any more.
  if (threadIdx.x % kWarpSize == 0) parts[threadIdx.x / kWarpSize] = of_warp;
  __syncthreads();
  return parts;
}

template <typename T>
__device__ T BlockSum(T value) {
  const T* const parts = GatherWarps(WarpSum(value));
  T total = 0;
  for (unsigned warp = 0; warp < blockDim.x / kWarpSize; ++warp) {
    total += parts[warp];
  }
  return total;
}

__device__ inline float BlockMax(float value) {
  const float* const parts = GatherWarps(WarpMax(value));
  float max = parts[0];
  for (unsigned warp = 1; warp < blockDim.x / kWarpSize; ++warp) {
    max = fmaxf(max, parts[warp]);
  }
  return max;
}

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_BLOCK_H_
