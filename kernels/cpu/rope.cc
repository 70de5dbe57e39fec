#include "kernels/cpu/rope.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rope.cc"
#include "hwy/foreach_target.h"
// Highway's order: its headers after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

// Turns `pairs` pairs (a[i], b[i]).
void TurnPairs(const float* cosines, const float* sines, size_t pairs, float* a,
               float* b) {
  ForEachVector(pairs, [=](auto access, size_t i) HWY_ATTR {
    const Vector cosine = access.Load(cosines + i);
    const Vector sine = access.Load(sines + i);
    const Vector left = access.Load(a + i);
    const Vector right = access.Load(b + i);
    access.Store(hn::NegMulAdd(right, sine, hn::Mul(left, cosine)), a + i);
    access.Store(hn::MulAdd(left, sine, hn::Mul(right, cosine)), b + i);
  });
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace penstock::cpu {

HWY_EXPORT(TurnPairs);

namespace {

// `direction` is 1, or -1 to turn back.
void Turn(const RopeShape& shape, double direction, const Tensor& x) {
  const auto turn_pairs = HWY_DYNAMIC_DISPATCH(TurnPairs);
  const int64_t pairs = shape.head_dim / 2;
  std::vector<float> cosines(static_cast<size_t>(pairs));
  std::vector<float> sines(static_cast<size_t>(pairs));
  const int64_t positions = std::min(shape.sequence, x.rows);
  for (int64_t t = 0; t < positions; ++t) {
    const double position = static_cast<double>(shape.before + t);
    for (int64_t i = 0; i < pairs; ++i) {
      const double angle = position * shape.frequencies[i];
      cosines[i] = static_cast<float>(std::cos(angle));
      sines[i] = static_cast<float>(direction * std::sin(angle));
    }
    for (int64_t r = t; r < x.rows; r += shape.sequence) {
      float* const row = x.as<float>() + r * x.stride;
      for (int64_t c = 0; c < x.cols; c += shape.head_dim) {
        turn_pairs(cosines.data(), sines.data(), pairs, row + c,
                   row + c + pairs);
      }
    }
  }
}

}  // namespace

void Rope(const RopeShape& shape, Tensor x) { Turn(shape, 1, x); }

void RopeBackward(const RopeShape& shape, Tensor dx) { Turn(shape, -1, dx); }

}  // namespace penstock::cpu
#endif  // HWY_ONCE
