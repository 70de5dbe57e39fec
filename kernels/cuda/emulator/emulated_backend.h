#ifndef KERNELS_CUDA_EMULATOR_EMULATED_BACKEND_H_
#define KERNELS_CUDA_EMULATOR_EMULATED_BACKEND_H_

#include <memory>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "kernels/cuda/runtime.h"
#include "kernels/cuda/wait_options.h"

namespace penstock::cuda::emulator {

// The CUDA backend with kernels and products on the emulated device. `runtime`
// is EmulatedRuntime with what a test puts in the place of some of it.
//
// Errors: Device::Open's.
absl::StatusOr<std::unique_ptr<Backend>> MakeEmulatedBackend(
    const Runtime& runtime, int device, GraphUse graphs,
    const WaitOptions& wait);

}  // namespace penstock::cuda::emulator

#endif  // KERNELS_CUDA_EMULATOR_EMULATED_BACKEND_H_
