#ifndef TESTS_NUMERICS_DEVICE_BUFFER_H_
#define TESTS_NUMERICS_DEVICE_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/backend.h"

namespace penstock {

// Memory of a backend for tests: starts as NaNs, so that what is read before it
// is written shows, and has a guard behind its end, so that what is written
// beyond it shows. Errors end the process: a test cannot go on without memory.
class DeviceBuffer {
 public:
  DeviceBuffer(Backend& backend, int64_t bytes);
  ~DeviceBuffer();
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;

  // With `values` in it.
  static DeviceBuffer Of(Backend& backend, std::span<const float> values);
  static DeviceBuffer Of(Backend& backend, std::span<const int32_t> values);
  static DeviceBuffer Zeros(Backend& backend, int64_t floats);
  // With `values` rounded to bfloat16.
  static DeviceBuffer Rounded(Backend& backend, std::span<const float> values);

  std::byte* data() const { return data_; }
  float* floats() const { return reinterpret_cast<float*>(data_); }
  const int32_t* integers() const {
    return reinterpret_cast<const int32_t*>(data_);
  }

  std::vector<float> Read() const;
  // Of a buffer of bfloat16.
  std::vector<float> ReadRounded() const;
  bool GuardIsIntact() const;

 private:
  void Write(std::span<const std::byte> bytes);

  Backend& backend_;
  int64_t bytes_ = 0;
  std::byte* data_ = nullptr;
};

}  // namespace penstock

#endif  // TESTS_NUMERICS_DEVICE_BUFFER_H_
