#ifndef KERNELS_CUDA_WORKSPACE_H_
#define KERNELS_CUDA_WORKSPACE_H_

#include <cstddef>
#include <cstdint>

namespace penstock::cuda {

// Device memory for what an operation needs only while it runs. One per queue:
// operations of one queue follow each other and can share it.
struct Workspace {
  // NVIDIA's recommendation for cuBLASLt on Hopper, and 1 MiB for the rounded
  // bias of a product; less is enough for all others here.
  static constexpr int64_t kBytes = int64_t{33} << 20;

  std::byte* data = nullptr;
  int64_t bytes = 0;
};

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_WORKSPACE_H_
