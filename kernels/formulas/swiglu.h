#ifndef KERNELS_FORMULAS_SWIGLU_H_
#define KERNELS_FORMULAS_SWIGLU_H_

#include <algorithm>
#include <cmath>

namespace penstock {

// silu(g) = g sigmoid(g) (Shazeer 2020) and its derivative.
template <typename T>
struct SiluParts {
  T silu;
  T derivative;
};

template <typename T>
constexpr SiluParts<T> SiluOf(T gate) {
  // Capped where exp would overflow; the product is 0 from there on.
  const T sigmoid = T(1) / (T(1) + std::exp(std::min(-gate, T(88))));
  const T silu = gate * sigmoid;
  return {silu, silu * (T(1) - sigmoid) + sigmoid};
}

}  // namespace penstock

#endif  // KERNELS_FORMULAS_SWIGLU_H_
