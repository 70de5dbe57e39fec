#ifndef KERNELS_CUDA_DEVICE_H_
#define KERNELS_CUDA_DEVICE_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cuda/runtime.h"

namespace penstock::cuda {

// One CUDA device: a queue of work and memory. Thread-compatible; every method
// makes the device the calling thread's current one.
class Device {
 public:
  // The oldest device for which kernels are compiled: A100, sm_80.
  static constexpr int kCapabilityMin = 80;

  // Says why a device cannot be used and what to do about it.
  //
  // Errors:
  //   Unavailable: no driver, one too old, no device `index`, one too old or
  //     taken.
  //   ResourceExhausted: no memory for a context.
  static absl::StatusOr<std::unique_ptr<Device>> Open(const Runtime& runtime,
                                                      int index);

  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // The queue, for launches that follow.
  cudaStream_t stream();
  int capability() const { return capability_; }

  // See Backend.
  absl::StatusOr<std::byte*> Allocate(int64_t bytes);
  void Free(std::byte* memory);
  absl::Status Copy(const void* from, void* to, int64_t bytes);
  absl::Status Zero(std::byte* memory, int64_t bytes);
  absl::Status Synchronize();

 private:
  Device(const Runtime& runtime, int index, int capability)
      : runtime_(runtime), index_(index), capability_(capability) {}

  absl::Status CheckCount(int64_t bytes, std::string_view operation) const;

  const Runtime& runtime_;
  const int index_;
  const int capability_;
  cudaStream_t stream_ = nullptr;
  absl::Status failed_free_;  // For the next Synchronize.
};

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_DEVICE_H_
