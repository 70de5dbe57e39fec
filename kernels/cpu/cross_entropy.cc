#include "kernels/cpu/cross_entropy.h"

#include <cmath>

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/cross_entropy.cc"
#include "hwy/foreach_target.h"
// Highway's order: its headers after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

float MaxOf(const float* x, size_t count) {
  const Floats d;
  Vector max = hn::Set(d, x[0]);
  ForEachVector(count, [&](auto access, size_t i) HWY_ATTR {
    max = hn::Max(max, access.Or(access.Load(x + i), max));
  });
  return hn::GetLane(hn::MaxOfLanes(d, max));
}

// Returns the row's loss and turns it into the gradient.
float CrossEntropyRow(float* logits, size_t count, size_t label, float scale) {
  const Floats d;
  const float max = MaxOf(logits, count);
  const float label_logit = logits[label];
  const Vector maxima = hn::Set(d, max);
  Vector sum = hn::Zero(d);
  ForEachVector(count, [&](auto access, size_t i) HWY_ATTR {
    const Vector power = Exp(hn::Sub(access.Load(logits + i), maxima));
    access.Store(power, logits + i);
    sum = hn::Add(sum, access.Zeroed(power));
  });
  const float total = Sum(sum);
  const Vector factor = hn::Set(d, scale / total);
  ForEachVector(count, [&](auto access, size_t i) HWY_ATTR {
    access.Store(hn::Mul(access.Load(logits + i), factor), logits + i);
  });
  logits[label] -= scale;
  return static_cast<float>(std::log(double{total}) +
                            (double{max} - double{label_logit}));
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace penstock::cpu {

HWY_EXPORT(CrossEntropyRow);

void CrossEntropy(Tensor logits, const int32_t* labels, float scale,
                  float* losses) {
  for (int64_t r = 0; r < logits.rows; ++r) {
    losses[r] = HWY_DYNAMIC_DISPATCH(CrossEntropyRow)(
        Rows(logits, r, 1).as<float>(), logits.cols, labels[r], scale);
  }
}

}  // namespace penstock::cpu
#endif  // HWY_ONCE
