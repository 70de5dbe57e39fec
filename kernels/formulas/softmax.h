#ifndef KERNELS_FORMULAS_SOFTMAX_H_
#define KERNELS_FORMULAS_SOFTMAX_H_

#include <algorithm>
#include <cmath>
#include <limits>

namespace penstock {

// A softmax's denominator, term by term (Milakov & Gimelshein 2018): the sum of
// exp(x - max) over what was added, for the largest x so far.
template <typename T>
struct SoftmaxSum {
  T max = -std::numeric_limits<T>::infinity();
  T sum = 0;
};

template <typename T>
constexpr SoftmaxSum<T> Added(SoftmaxSum<T> so_far, T x) {
  if (x > so_far.max) {
    return {x, so_far.sum * std::exp(so_far.max - x) + T(1)};
  }
  // Also where both are -infinity, whose difference is NaN.
  const T term = x == so_far.max ? T(1) : std::exp(x - so_far.max);
  return {so_far.max, so_far.sum + term};
}

// What `part` adds to a denominator whose maximum is `max` >= part.max; nothing
// was added to an empty part.
template <typename T>
constexpr T Rescaled(SoftmaxSum<T> part, T max) {
  return part.sum == T(0) ? T(0) : part.sum * std::exp(part.max - max);
}

}  // namespace penstock

#endif  // KERNELS_FORMULAS_SOFTMAX_H_
