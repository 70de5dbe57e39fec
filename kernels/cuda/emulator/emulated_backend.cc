// Stands for make_cuda_backend.cc in tests: the backend, its kernels and
// products on the emulator.

#include "kernels/cuda/emulator/emulated_backend.h"

#include <utility>

#include "kernels/copy_queue.h"
#include "kernels/cuda/copy_queue.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/emulator/runtime.h"
#include "kernels/cuda/list_devices.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/wait_options.h"
#include "kernels/cuda_devices.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace cuda::emulator {

absl::StatusOr<std::unique_ptr<Backend>> MakeEmulatedBackend(
    const Runtime& runtime, int device, GraphUse graphs,
    const WaitOptions& wait) {
  ASSIGN_OR_RETURN(auto opened, Device::Open(runtime, device, wait));
  ASSIGN_OR_RETURN(auto products, MakeProducts());
  return MakeBackend(std::move(opened), std::move(products),
                     /*fused_attention=*/nullptr, graphs);
}

}  // namespace cuda::emulator

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
