// Stands for make_cuda_backend.cc in tests: the backend and its kernels on the
// emulator, with products of the host.

#include "kernels/cuda/emulator/emulated_backend.h"

#include <cuda_bf16.h>

#include <utility>

#include "kernels/copy_queue.h"
#include "kernels/cuda/copy_queue.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/emulator/runtime.h"
#include "kernels/cuda/emulator/streams.h"
#include "kernels/cuda/list_devices.h"
#include "kernels/cuda/products.h"
#include "kernels/cuda/wait_options.h"
#include "kernels/cuda_devices.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace cuda {
namespace {

float Read(const ConstTensor& x, int64_t row, int64_t col) {
  const int64_t i = row * x.stride + col;
  return x.type == DataType::kFloat32
             ? x.as<float>()[i]
             : __bfloat162float(x.as<__nv_bfloat16>()[i]);
}

class HostProducts final : public Products {
 public:
  absl::Status Run(cudaStream_t stream, const MatmulArgs& args,
                   const Workspace& /*workspace*/) override {
    emulator::Enqueue(stream, [args] {
      for (int64_t m = 0; m < args.c.rows; ++m) {
        for (int64_t n = 0; n < args.c.cols; ++n) Write(args, m, n);
      }
    });
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

namespace emulator {

absl::StatusOr<std::unique_ptr<Backend>> MakeEmulatedBackend(
    const Runtime& runtime, int device, GraphUse graphs,
    const WaitOptions& wait) {
  ASSIGN_OR_RETURN(auto opened, Device::Open(runtime, device, wait));
  return MakeBackend(std::move(opened), std::make_unique<HostProducts>(),
                     /*fused_attention=*/nullptr, graphs);
}

}  // namespace emulator
}  // namespace cuda

// Time means nothing here: where graphs would pay, there always are some.
absl::StatusOr<std::unique_ptr<Backend>> MakeCudaBackend(
    int device, const CudaOptions& options) {
  CudaOptions emulated = options;
  if (options.graphs == GraphUse::kWherePaying) {
    emulated.graphs = GraphUse::kAlways;
  }
  return cuda::emulator::MakeEmulatedBackend(
      cuda::emulator::EmulatedRuntime(), device, emulated.graphs,
      cuda::SteadyWait(options.wait_max));
}

absl::StatusOr<std::unique_ptr<CopyQueue>> MakeCudaCopyQueue(
    int device, absl::Duration wait_max) {
  ASSIGN_OR_RETURN(auto opened,
                   cuda::Device::Open(cuda::emulator::EmulatedRuntime(), device,
                                      cuda::SteadyWait(wait_max)));
  return cuda::MakeCopyQueue(std::move(opened));
}

absl::StatusOr<std::vector<CudaDevice>> ListCudaDevices() {
  return cuda::ListDevices(cuda::emulator::EmulatedRuntime());
}

}  // namespace penstock
