#include "kernels/cpu/adamw.h"

#include <cmath>

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/adamw.cc"
#include "hwy/foreach_target.h"
// Highway's order: its headers after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

// The bias corrections are applied to the step size and to sqrt(v), which are
// scalars, in double: 1 - beta^step loses half its digits in float.
void UpdateWeights(const AdamWArgs& args) {
  const Floats d;
  const double step = static_cast<double>(args.step);
  const double first_correction = 1 - std::pow(double{args.beta1}, step);
  const double second_correction = 1 - std::pow(double{args.beta2}, step);
  const Vector step_size =
      hn::Set(d, static_cast<float>(args.learning_rate / first_correction));
  const Vector root_scale =
      hn::Set(d, static_cast<float>(1 / std::sqrt(second_correction)));
  const Vector keep =
      hn::Set(d, static_cast<float>(1 - double{args.learning_rate} *
                                            double{args.weight_decay}));
  const Vector epsilon = hn::Set(d, args.epsilon);
  const Vector beta1 = hn::Set(d, args.beta1);
  const Vector beta2 = hn::Set(d, args.beta2);
  const Vector rest1 = hn::Set(d, static_cast<float>(1 - double{args.beta1}));
  const Vector rest2 = hn::Set(d, static_cast<float>(1 - double{args.beta2}));
  const Vector scale = hn::Set(d, args.gradient_scale);
  ForEachVector(args.count, [&](auto access, size_t i) HWY_ATTR {
    const Vector g = hn::Mul(access.Load(args.gradient + i), scale);
    const Vector m = hn::MulAdd(beta1, access.Load(args.first_moment + i),
                                hn::Mul(rest1, g));
    const Vector v = hn::MulAdd(beta2, access.Load(args.second_moment + i),
                                hn::Mul(rest2, hn::Mul(g, g)));
    const Vector denominator = hn::MulAdd(hn::Sqrt(v), root_scale, epsilon);
    const Vector update = hn::Mul(step_size, hn::Div(m, denominator));
    access.Store(hn::MulSub(access.Load(args.weight + i), keep, update),
                 args.weight + i);
    access.Store(m, args.first_moment + i);
    access.Store(v, args.second_moment + i);
  });
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace penstock::cpu {

HWY_EXPORT(UpdateWeights);

void AdamW(const AdamWArgs& args) { HWY_DYNAMIC_DISPATCH(UpdateWeights)(args); }

}  // namespace penstock::cpu
#endif  // HWY_ONCE
