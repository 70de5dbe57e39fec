#ifndef KERNELS_CUDA_EMULATOR_RUNTIME_H_
#define KERNELS_CUDA_EMULATOR_RUNTIME_H_

#include "kernels/cuda/runtime.h"

namespace penstock::cuda::emulator {

// The emulated device behind the runtime's table: one of it, of sm_90.
const Runtime& EmulatedRuntime();

}  // namespace penstock::cuda::emulator

#endif  // KERNELS_CUDA_EMULATOR_RUNTIME_H_
