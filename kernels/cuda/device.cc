#include "kernels/cuda/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

// Returns the compute capability.
absl::StatusOr<int> CheckDevice(const Runtime& runtime, int index) {
  int count = 0;
  RETURN_IF_ERROR(
      FromCuda(runtime.get_device_count(&count), "counting CUDA devices"));
  if (index < 0 || index >= count) {
    return absl::UnavailableError(
        fmt::format("CUDA device {} was asked for, this process sees {}; see "
                    "CUDA_VISIBLE_DEVICES",
                    index, count));
  }
  int capability = 0;
  RETURN_IF_ERROR(FromCuda(runtime.compute_capability(index, &capability),
                           "asking for the device's compute capability"));
  if (capability < Device::kCapabilityMin) {
    return absl::UnavailableError(
        fmt::format("CUDA device {} is sm_{}; penstock's kernels need sm_{} or "
                    "later",
                    index, capability, Device::kCapabilityMin));
  }
  return capability;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> Device::Open(const Runtime& runtime,
                                                     int index) {
  RETURN_IF_ERROR(CheckDriver(runtime));
  ASSIGN_OR_RETURN(const int capability, CheckDevice(runtime, index));
  std::unique_ptr<Device> device(new Device(runtime, index, capability));
  // These two create the context.
  RETURN_IF_ERROR(FromCuda(runtime.set_device(index),
                           fmt::format("opening CUDA device {}", index)));
  RETURN_IF_ERROR(FromCuda(runtime.stream_create(&device->stream_),
                           fmt::format("opening CUDA device {}", index)));
  return device;
}

Device::~Device() {
  if (stream_ == nullptr) return;
  runtime_.stream_synchronize(stream());
  runtime_.stream_destroy(stream_);
}

cudaStream_t Device::stream() {
  // Cannot fail after it succeeded once; a lost device shows in what follows.
  runtime_.set_device(index_);
  return stream_;
}

absl::Status Device::CheckCount(int64_t bytes,
                                std::string_view operation) const {
  if (bytes >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: count {} is negative", operation, bytes));
}

absl::StatusOr<std::byte*> Device::Allocate(int64_t bytes) {
  RETURN_IF_ERROR(CheckCount(bytes, "allocate"));
  runtime_.set_device(index_);
  void* memory = nullptr;
  const int error = runtime_.malloc(&memory, std::max<int64_t>(bytes, 1));
  if (error == cudaSuccess) return static_cast<std::byte*>(memory);
  size_t free = 0;
  size_t total = 0;
  const std::string asked =
      runtime_.mem_get_info(&free, &total) == cudaSuccess
          ? fmt::format(
                "allocating {} bytes on CUDA device {}, of whose {} "
                "are free {}",
                bytes, index_, total, free)
          : fmt::format("allocating {} bytes on CUDA device {}", bytes, index_);
  return FromCuda(error, asked);
}

void Device::Free(std::byte* memory) {
  runtime_.set_device(index_);
  const int error = runtime_.free(memory);
  if (failed_free_.ok()) failed_free_ = FromCuda(error, "free");
}

absl::Status Device::Copy(const void* from, void* to, int64_t bytes) {
  RETURN_IF_ERROR(CheckCount(bytes, "copy"));
  if (bytes == 0) return absl::OkStatus();
  return FromCuda(runtime_.memcpy_async(to, from, bytes, stream()), "copy");
}

absl::Status Device::Zero(std::byte* memory, int64_t bytes) {
  RETURN_IF_ERROR(CheckCount(bytes, "zero"));
  if (bytes == 0) return absl::OkStatus();
  return FromCuda(runtime_.memset_async(memory, 0, bytes, stream()), "zero");
}

absl::Status Device::Synchronize() {
  const absl::Status failed_free = std::exchange(failed_free_, {});
  RETURN_IF_ERROR(FromCuda(runtime_.stream_synchronize(stream()),
                           fmt::format("waiting for CUDA device {}", index_)));
  return failed_free;
}

}  // namespace penstock::cuda
