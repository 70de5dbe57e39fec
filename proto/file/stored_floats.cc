#include "proto/file/stored_floats.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "proto/base/check.h"

namespace penstock {
namespace {

constexpr size_t kHalfBytes = 2;

size_t BytesOf(FloatType type) {
  return type == FloatType::kF32 ? sizeof(float) : kHalfBytes;
}

float FromBf16(uint16_t half) {
  return std::bit_cast<float>(uint32_t{half} << 16);
}

// 1 bit of sign, 5 of exponent, 10 of mantissa.
float FromF16(uint16_t half) {
  const uint32_t sign = (uint32_t{half} & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0) {  // Zeros and subnormals, in units of 2^-24.
    const float value = std::ldexp(static_cast<float>(mantissa), -24);
    return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
  }
  // The exponents of infinity and NaN are the largest in either type; the
  // others' biases are 15 and 127.
  const uint32_t widened = exponent == 0x1f ? 0xff : exponent + (127 - 15);
  return std::bit_cast<float>(sign | widened << 23 | mantissa << 13);
}

}  // namespace

std::optional<FloatType> FloatTypeNamed(std::string_view dtype) {
  if (dtype == "F32") return FloatType::kF32;
  if (dtype == "F16") return FloatType::kF16;
  if (dtype == "BF16") return FloatType::kBf16;
  return std::nullopt;
}

size_t StoredFloats::count() const { return bytes.size() / BytesOf(type); }

StoredFloats StoredFloats::First(size_t count) const {
  return {bytes.first(count * BytesOf(type)), type};
}

void StoredFloats::Widen(std::span<float> out) const {
  PENSTOCK_CHECK(out.size() == count());
  if (type == FloatType::kF32) {
    if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    return;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t half = 0;
    std::memcpy(&half, bytes.data() + i * kHalfBytes, kHalfBytes);
    out[i] = type == FloatType::kBf16 ? FromBf16(half) : FromF16(half);
  }
}

}  // namespace penstock
