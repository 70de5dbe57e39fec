#include "tests/numerics/device_buffer.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "proto/base/check.h"

namespace penstock {
namespace {

constexpr int64_t kGuardBytes = 256;
constexpr std::byte kFill{0xff};  // Four of them are a NaN.

}  // namespace

DeviceBuffer::DeviceBuffer(Backend& backend, int64_t bytes)
    : backend_(backend), bytes_(bytes) {
  auto memory = backend.Allocate(bytes + kGuardBytes);
  PENSTOCK_CHECK(memory.ok());
  data_ = *memory;
  Write(
      std::vector<std::byte>(static_cast<size_t>(bytes + kGuardBytes), kFill));
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : backend_(other.backend_),
      bytes_(other.bytes_),
      data_(std::exchange(other.data_, nullptr)) {}

DeviceBuffer::~DeviceBuffer() {
  if (data_ != nullptr) backend_.Free(data_);
}

DeviceBuffer DeviceBuffer::Of(Backend& backend, std::span<const float> values) {
  DeviceBuffer buffer(backend, static_cast<int64_t>(values.size_bytes()));
  buffer.Write(std::as_bytes(values));
  return buffer;
}

DeviceBuffer DeviceBuffer::Of(Backend& backend,
                              std::span<const int32_t> values) {
  DeviceBuffer buffer(backend, static_cast<int64_t>(values.size_bytes()));
  buffer.Write(std::as_bytes(values));
  return buffer;
}

DeviceBuffer DeviceBuffer::Zeros(Backend& backend, int64_t floats) {
  return Of(backend, std::vector<float>(static_cast<size_t>(floats)));
}

DeviceBuffer DeviceBuffer::Rounded(Backend& backend,
                                   std::span<const float> values) {
  const int64_t count = std::ssize(values);
  const DeviceBuffer wide = Of(backend, values);
  DeviceBuffer buffer(backend, count * SizeOf(DataType::kBFloat16));
  PENSTOCK_CHECK(
      backend
          .Round(Float32(wide.floats(), 1, count),
                 {buffer.data_, 1, count, count, DataType::kBFloat16})
          .ok());
  PENSTOCK_CHECK(backend.Synchronize().ok());
  return buffer;
}

void DeviceBuffer::Write(std::span<const std::byte> bytes) {
  PENSTOCK_CHECK(backend_.CopyIn(bytes, data_).ok());
  PENSTOCK_CHECK(backend_.Synchronize().ok());
}

std::vector<float> DeviceBuffer::Read() const {
  std::vector<float> values(static_cast<size_t>(bytes_) / sizeof(float));
  PENSTOCK_CHECK(
      backend_.CopyOut(data_, std::as_writable_bytes(std::span<float>(values)))
          .ok());
  PENSTOCK_CHECK(backend_.Synchronize().ok());
  return values;
}

std::vector<float> DeviceBuffer::ReadRounded() const {
  std::vector<uint16_t> halves(static_cast<size_t>(bytes_) / sizeof(uint16_t));
  PENSTOCK_CHECK(
      backend_
          .CopyOut(data_, std::as_writable_bytes(std::span<uint16_t>(halves)))
          .ok());
  PENSTOCK_CHECK(backend_.Synchronize().ok());
  std::vector<float> values;
  for (const uint16_t half : halves) {
    values.push_back(std::bit_cast<float>(uint32_t{half} << 16));
  }
  return values;
}

bool DeviceBuffer::GuardIsIntact() const {
  std::vector<std::byte> guard(kGuardBytes);
  PENSTOCK_CHECK(backend_.CopyOut(data_ + bytes_, guard).ok());
  PENSTOCK_CHECK(backend_.Synchronize().ok());
  return std::all_of(guard.begin(), guard.end(),
                     [](std::byte value) { return value == kFill; });
}

}  // namespace penstock
