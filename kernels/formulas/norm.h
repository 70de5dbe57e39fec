#ifndef KERNELS_FORMULAS_NORM_H_
#define KERNELS_FORMULAS_NORM_H_

#include <cmath>

namespace penstock {

// One row's statistics for LayerNorm (Ba et al. 2016). `squares` is the sum of
// (x - mean)^2 over the row.
template <typename T>
constexpr T ReciprocalDeviation(T squares, T cols, T epsilon) {
  return T(1) / std::sqrt(squares / cols + epsilon);
}

template <typename T>
constexpr T Normalized(T x, T mean, T rstd) {
  return (x - mean) * rstd;
}

// With g = dout * gain: dx = rstd (g - mean(g) - xhat mean(g xhat)).
template <typename T>
constexpr T NormGradient(T g, T xhat, T g_mean, T g_xhat_mean, T rstd) {
  return std::fma(-xhat, g_xhat_mean, g - g_mean) * rstd;
}

}  // namespace penstock

#endif  // KERNELS_FORMULAS_NORM_H_
