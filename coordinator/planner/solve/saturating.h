#ifndef COORDINATOR_PLANNER_SOLVE_SATURATING_H_
#define COORDINATOR_PLANNER_SOLVE_SATURATING_H_

#include <algorithm>
#include <cstdint>

namespace penstock {

// Bytes that no device has. Sums and products of numbers that are not negative
// stop here, so that no sum of two overflows.
inline constexpr int64_t kBytesBeyond = int64_t{1} << 60;

inline int64_t SaturatingSum(int64_t a, int64_t b) {
  return std::min(a + b, kBytesBeyond);
}

inline int64_t SaturatingProduct(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return kBytesBeyond;
  return std::min(product, kBytesBeyond);
}

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_SATURATING_H_
