#ifndef KERNELS_CUDA_EMULATOR_INCLUDE_CUDA_RUNTIME_H_
#define KERNELS_CUDA_EMULATOR_INCLUDE_CUDA_RUNTIME_H_

// The part of CUDA C++ that penstock's kernels use, for a host compiler: they
// run on the emulator's fibers.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <numbers>
#include <tuple>
#include <utility>

#include "kernels/cuda/emulator/device_memory.h"
#include "kernels/cuda/emulator/fibers.h"
#include "kernels/cuda/emulator/streams.h"

#define __global__
#define __device__
// One block runs at a time.
#define __shared__ static

#define threadIdx penstock::cuda::emulator::thread_index
#define blockIdx penstock::cuda::emulator::block_index
#define blockDim penstock::cuda::emulator::block_size
#define gridDim penstock::cuda::emulator::grid_size

struct dim3 {
  // NOLINTNEXTLINE(google-explicit-constructor): as CUDA's.
  dim3(unsigned x_size = 1, unsigned y_size = 1, unsigned z_size = 1)
      : x(x_size), y(y_size), z(z_size) {}

  unsigned x;
  unsigned y;
  unsigned z;
};

struct alignas(8) uint2 {
  unsigned x;
  unsigned y;
};

struct alignas(16) uint4 {
  unsigned x;
  unsigned y;
  unsigned z;
  unsigned w;
};

using std::max;
using std::min;

// Of pi x, exact where it can be.
inline void sincospi(double x, double* sine, double* cosine) {
  const double reduced = std::remainder(x, 2.0) * std::numbers::pi;
  *sine = std::sin(reduced);
  *cosine = std::cos(reduced);
}

// One thread runs at a time.
inline int atomicAdd(int* to, int value) {
  return std::exchange(*to, *to + value);
}
inline int atomicMin(int* to, int value) {
  return std::exchange(*to, std::min(*to, value));
}

inline void __syncthreads() { penstock::cuda::emulator::WaitForBlock(); }
inline void __syncwarp() { penstock::cuda::emulator::WaitForWarp(); }
inline int __syncthreads_or(int value) {
  return penstock::cuda::emulator::OrOfBlock(value != 0);
}

template <typename T>
T __shfl_xor_sync(unsigned /*mask*/, T value, int lane_mask) {
  const unsigned lane = (threadIdx.x % 32) ^ static_cast<unsigned>(lane_mask);
  T result;
  penstock::cuda::emulator::Exchange(&value, sizeof(T), lane, &result);
  return result;
}

template <typename... Parameters>
cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 grid,
                             dim3 block, void** args, size_t /*shared_bytes*/,
                             cudaStream_t stream) {
  if (grid.x * grid.y * grid.z == 0 || block.x * block.y * block.z > 1024) {
    return cudaErrorInvalidValue;
  }
  const auto copy = [&]<size_t... I>(std::index_sequence<I...>) {
    return std::tuple<Parameters...>(*static_cast<Parameters*>(args[I])...);
  };
  using penstock::cuda::emulator::Index;
  penstock::cuda::emulator::Enqueue(
      stream, [kernel, grid = Index{grid.x, grid.y, grid.z},
               block = Index{block.x, block.y, block.z},
               arguments = copy(std::index_sequence_for<Parameters...>())] {
        penstock::cuda::emulator::RunGrid(
            grid, block, [&] { std::apply(kernel, arguments); });
      });
  return cudaSuccess;
}

enum cudaMemcpyKind { cudaMemcpyDefault };

inline cudaError_t cudaMalloc(void** memory, size_t bytes) {
  if (penstock::cuda::emulator::SpoilCaptureByThisThread()) {
    return cudaErrorStreamCaptureUnsupported;
  }
  *memory = penstock::cuda::emulator::AllocateDevice(bytes);
  return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}
// As on a device, after all that may still use it.
inline cudaError_t cudaFree(void* memory) {
  if (penstock::cuda::emulator::SpoilCaptureByThisThread()) {
    return cudaErrorStreamCaptureUnsupported;
  }
  penstock::cuda::emulator::WaitForAll();
  penstock::cuda::emulator::FreeDevice(memory);
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes,
                                   cudaStream_t stream) {
  penstock::cuda::emulator::Enqueue(stream,
                                    [=] { std::memset(memory, value, bytes); });
  return cudaSuccess;
}
inline cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  return cudaMemsetAsync(memory, value, bytes, nullptr);
}
// Host memory, too, is read and written when the copy runs: what a device does
// with page-locked memory.
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes,
                                   cudaMemcpyKind /*kind*/,
                                   cudaStream_t stream) {
  penstock::cuda::emulator::Enqueue(stream,
                                    [=] { std::memmove(to, from, bytes); });
  return cudaSuccess;
}
inline cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes,
                              cudaMemcpyKind kind) {
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  penstock::cuda::emulator::WaitFor(nullptr);
  return error;
}
inline cudaError_t cudaDeviceSynchronize() {
  penstock::cuda::emulator::WaitForAll();
  return cudaSuccess;
}

// Time means nothing here: a millisecond passes between any two events.

using cudaEvent_t = int;

inline cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = 0;
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t /*event*/,
                                   cudaStream_t /*stream*/) {
  return cudaSuccess;
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t /*event*/) {
  penstock::cuda::emulator::WaitForAll();
  return cudaSuccess;
}
inline cudaError_t cudaEventElapsedTime(float* milliseconds,
                                        cudaEvent_t /*begin*/,
                                        cudaEvent_t /*end*/) {
  *milliseconds = 1;
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t /*event*/) {
  return cudaSuccess;
}

#endif  // KERNELS_CUDA_EMULATOR_INCLUDE_CUDA_RUNTIME_H_
