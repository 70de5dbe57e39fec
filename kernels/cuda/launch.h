#ifndef KERNELS_CUDA_LAUNCH_H_
#define KERNELS_CUDA_LAUNCH_H_

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

namespace penstock::cuda {

inline constexpr int kWarpSize = 32;

constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// `threads` rounded up to whole warps, at most `most`.
constexpr int Threads(int64_t threads, int most) {
  const int64_t rounded = CeilDiv(threads, kWarpSize) * kWarpSize;
  return static_cast<int>(rounded < most ? rounded : most);
}

// Queues kernel<<<grid, block>>>(args...) and returns the launch's error. A
// function and not the chevrons, so that the emulator compiles it, too.
template <typename... Parameters>
cudaError_t Launch(cudaStream_t stream, dim3 grid, dim3 block,
                   void (*kernel)(Parameters...),
                   std::type_identity_t<Parameters>... args) {
  void* pointers[] = {&args...};
  return cudaLaunchKernel(kernel, grid, block, pointers, 0, stream);
}

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_LAUNCH_H_
