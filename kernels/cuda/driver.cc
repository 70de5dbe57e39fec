#include "kernels/cuda/driver.h"

#include <fmt/format.h>

#include "kernels/cuda/errors.h"
#include "proto/base/status_macros.h"

namespace penstock::cuda {
namespace {

// CUDA's versions are 1000 * major + 10 * minor.
std::string VersionText(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

// Any driver of the runtime's major version or a later one will do.
absl::Status CheckDriver(const Runtime& runtime) {
  int driver = 0;
  int needed = 0;
  RETURN_IF_ERROR(FromCuda(runtime.driver_get_version(&driver),
                           "asking for the driver's version"));
  RETURN_IF_ERROR(FromCuda(runtime.runtime_get_version(&needed),
                           "asking for the runtime's version"));
  if (driver == 0) {
    return absl::UnavailableError(
        "no CUDA driver on this machine; install NVIDIA's, or use device cpu");
  }
  if (driver / 1000 < needed / 1000) {
    return absl::UnavailableError(fmt::format(
        "the CUDA driver is for CUDA {}, this build needs {}; update the "
        "driver, or use device cpu",
        VersionText(driver), VersionText(needed / 1000 * 1000)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> CountDevices(const Runtime& runtime) {
  RETURN_IF_ERROR(CheckDriver(runtime));
  int count = 0;
  RETURN_IF_ERROR(
      FromCuda(runtime.get_device_count(&count), "counting CUDA devices"));
  return count;
}

absl::StatusOr<int> CheckCapability(const Runtime& runtime, int device) {
  int capability = 0;
  RETURN_IF_ERROR(FromCuda(runtime.compute_capability(device, &capability),
                           "asking for the device's compute capability"));
  if (capability < kCapabilityMin) {
    return absl::UnavailableError(
        fmt::format("CUDA device {} is sm_{}; penstock's kernels need sm_{} or "
                    "later",
                    device, capability, kCapabilityMin));
  }
  return capability;
}

}  // namespace penstock::cuda
