// Stands for make_cuda_backend.cc in tests: the backend and its kernels on the
// emulator, with memory and products of the host.

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/products.h"
#include "kernels/cuda/runtime.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace cuda {
namespace {

constexpr size_t kAlignment = 256;

const Runtime& EmulatedRuntime() {
  static constexpr Runtime kRuntime{
      .driver_get_version =
          [](int* version) {
            *version = 13000;
            return cudaSuccess;
          },
      .runtime_get_version =
          [](int* version) {
            *version = 13000;
            return cudaSuccess;
          },
      .get_device_count =
          [](int* count) {
            *count = 1;
            return cudaSuccess;
          },
      .compute_capability =
          [](int /*device*/, int* capability) {
            *capability = 90;
            return cudaSuccess;
          },
      .set_device = [](int /*device*/) { return cudaSuccess; },
      .stream_create = [](cudaStream_t* /*stream*/) { return cudaSuccess; },
      .stream_destroy = [](cudaStream_t /*stream*/) { return cudaSuccess; },
      .stream_synchronize = [](cudaStream_t /*stream*/) { return cudaSuccess; },
      .malloc =
          [](void** memory, size_t bytes) {
            const size_t rounded =
                (bytes + kAlignment - 1) / kAlignment * kAlignment;
            *memory = std::aligned_alloc(kAlignment, rounded);
            return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
          },
      .free =
          [](void* memory) {
            std::free(memory);
            return cudaSuccess;
          },
      .mem_get_info =
          [](size_t* free, size_t* total) {
            *free = *total = 0;
            return cudaSuccess;
          },
      .memcpy_async =
          [](void* to, const void* from, size_t bytes,
             cudaStream_t /*stream*/) {
            std::memmove(to, from, bytes);
            return cudaSuccess;
          },
      .memset_async =
          [](void* memory, int value, size_t bytes, cudaStream_t /*stream*/) {
            std::memset(memory, value, bytes);
            return cudaSuccess;
          },
  };
  return kRuntime;
}

float Read(const ConstTensor& x, int64_t row, int64_t col) {
  const int64_t i = row * x.stride + col;
  return x.type == DataType::kFloat32
             ? x.as<float>()[i]
             : __bfloat162float(x.as<__nv_bfloat16>()[i]);
}

class HostProducts final : public Products {
 public:
  absl::Status Run(cudaStream_t /*stream*/, const MatmulArgs& args,
                   const Workspace& /*workspace*/) override {
    for (int64_t m = 0; m < args.c.rows; ++m) {
      for (int64_t n = 0; n < args.c.cols; ++n) Write(args, m, n);
    }
    return absl::OkStatus();
  }

 private:
  static void Write(const MatmulArgs& args, int64_t m, int64_t n) {
    float sum = args.accumulate ? Read(args.c, m, n) : 0.0f;
    if (args.bias != nullptr) sum += args.bias[n];
    if (args.addend.data != nullptr) sum += Read(args.addend, m, n);
    const int64_t depth = args.transpose_a ? args.a.rows : args.a.cols;
    for (int64_t k = 0; k < depth; ++k) {
      sum += (args.transpose_a ? Read(args.a, k, m) : Read(args.a, m, k)) *
             (args.transpose_b ? Read(args.b, n, k) : Read(args.b, k, n));
    }
    const int64_t i = m * args.c.stride + n;
    if (args.c.type == DataType::kFloat32) {
      args.c.as<float>()[i] = sum;
    } else {
      args.c.as<__nv_bfloat16>()[i] = __float2bfloat16_rn(sum);
    }
  }
};

}  // namespace
}  // namespace cuda

absl::StatusOr<std::unique_ptr<Backend>> MakeCudaBackend(
    int device, AttentionForm /*form*/) {
  ASSIGN_OR_RETURN(auto opened,
                   cuda::Device::Open(cuda::EmulatedRuntime(), device));
  return cuda::MakeBackend(std::move(opened),
                           std::make_unique<cuda::HostProducts>(), nullptr);
}

}  // namespace penstock
