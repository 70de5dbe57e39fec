#ifndef KERNELS_FORMULAS_ROPE_H_
#define KERNELS_FORMULAS_ROPE_H_

#include <cmath>

namespace penstock {

template <typename T>
struct RopePair {
  T a;
  T b;
};

// The pair turned by an angle (Su et al. 2021).
template <typename T>
constexpr RopePair<T> Turned(RopePair<T> pair, T cosine, T sine) {
  return {std::fma(-pair.b, sine, pair.a * cosine),
          std::fma(pair.a, sine, pair.b * cosine)};
}

}  // namespace penstock

#endif  // KERNELS_FORMULAS_ROPE_H_
