#ifndef KERNELS_FORMULAS_ATTENTION_H_
#define KERNELS_FORMULAS_ATTENTION_H_

namespace penstock {

// Gradient of attention with respect to one scaled score (Dao 2023, section
// 3.1): p is its softmax, dp = dout . v, delta = dout . out of its row.
template <typename T>
constexpr T ScoreGradient(T p, T dp, T delta, T scale) {
  return p * (dp - delta) * scale;
}

}  // namespace penstock

#endif  // KERNELS_FORMULAS_ATTENTION_H_
