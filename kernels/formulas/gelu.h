#ifndef KERNELS_FORMULAS_GELU_H_
#define KERNELS_FORMULAS_GELU_H_

#include <algorithm>
#include <cmath>

namespace penstock {

// Formulas of one element, for host and device code alike: constexpr, so that
// nvcc (--expt-relaxed-constexpr) compiles them for both; the CPU backend's
// vectors have the same formulas, CUDA's kernels call these.

// GELU in the tanh form (Hendrycks & Gimpel 2016), 0.5 x (1 + tanh(u)) with
// u = sqrt(2/pi) (x + 0.044715 x^3), as x * sigmoid(2 u), which keeps its
// relative precision far below zero.
template <typename T>
struct GeluParts {
  T gelu;
  T derivative;
};

template <typename T>
constexpr GeluParts<T> GeluOf(T x) {
  // 2 sqrt(2 / pi) and that times 0.044715.
  constexpr T kLinear = T(1.5957691216057308);
  constexpr T kCubic = T(0.0713548162726009);
  const T squared = x * x;
  const T minus_two_u = -x * (kCubic * squared + kLinear);
  // Capped where exp would overflow; the product is 0 from there on.
  const T gate = T(1) / (T(1) + std::exp(std::min(minus_two_u, T(88))));
  const T gelu = x * gate;
  // gelu' = s + x s' = s + gelu (1 - s) 2 u'.
  const T slope = T(3) * kCubic * squared + kLinear;
  return {gelu, gelu * (T(1) - gate) * slope + gate};
}

}  // namespace penstock

#endif  // KERNELS_FORMULAS_GELU_H_
