#ifndef KERNELS_CUDA_EMULATOR_INCLUDE_CUDA_BF16_H_
#define KERNELS_CUDA_EMULATOR_INCLUDE_CUDA_BF16_H_

#include <bit>
#include <cmath>
#include <cstdint>

// The upper half of a float.
struct __nv_bfloat16 {
  uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 value) {
  return std::bit_cast<float>(uint32_t{value.bits} << 16);
}

// To nearest, ties to even; NaN stays NaN.
inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  if (std::isnan(value)) return {0x7fff};
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounding = 0x7fff + (bits >> 16 & 1);
  return {static_cast<uint16_t>((bits + rounding) >> 16)};
}

#endif  // KERNELS_CUDA_EMULATOR_INCLUDE_CUDA_BF16_H_
