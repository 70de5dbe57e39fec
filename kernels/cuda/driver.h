#ifndef KERNELS_CUDA_DRIVER_H_
#define KERNELS_CUDA_DRIVER_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cuda/runtime.h"

namespace penstock::cuda {

// The oldest device for which kernels are compiled: A100, sm_80.
inline constexpr int kCapabilityMin = 80;

// How many devices the driver shows to this process. Takes nothing of them.
//
// Errors:
//   Unavailable: no driver, one too old for this build, or no device; what to
//     do about it is said.
absl::StatusOr<int> CountDevices(const Runtime& runtime);

// Returns the compute capability of a device that there is.
//
// Errors:
//   Unavailable: too old for penstock's kernels.
absl::StatusOr<int> CheckCapability(const Runtime& runtime, int device);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_DRIVER_H_
