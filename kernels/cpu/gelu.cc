#include "kernels/cpu/gelu.h"

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gelu.cc"
#include "hwy/foreach_target.h"
// Highway's order: its headers after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

// 2 sqrt(2 / pi) and that times 0.044715: 2 u = x (kLinear + kCubic x^2).
constexpr float kLinear = 1.5957691216057308f;
constexpr float kCubic = 0.07135481282752f;

// sigmoid(2 u). The exponent is capped where exp would overflow; x * sigmoid
// is below the smallest normal number from there on.
HWY_INLINE Vector Gate(Vector x, Vector x_squared) {
  const Floats d;
  const Vector minus_two_u =
      hn::Mul(hn::Neg(x),
              hn::MulAdd(x_squared, hn::Set(d, kCubic), hn::Set(d, kLinear)));
  const Vector exponential = Exp(hn::Min(minus_two_u, hn::Set(d, 88.0f)));
  const Vector one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, exponential));
}

void GeluRow(const float* x, size_t count, float* out) {
  ForEachVector(count, [=](auto access, size_t i) HWY_ATTR {
    const Vector value = access.Load(x + i);
    access.Store(hn::Mul(value, Gate(value, hn::Mul(value, value))), out + i);
  });
}

// gelu' = s + x s' = s + gelu (1 - s) 2 u', 2 u' = kLinear + 3 kCubic x^2.
void GeluBackwardRow(const float* dout, const float* x, size_t count, float* dx,
                     float* out) {
  ForEachVector(count, [=](auto access, size_t i) HWY_ATTR {
    const Floats d;
    const Vector value = access.Load(x + i);
    const Vector squared = hn::Mul(value, value);
    const Vector gate = Gate(value, squared);
    const Vector gelu = hn::Mul(value, gate);
    const Vector slope =
        hn::MulAdd(squared, hn::Set(d, 3 * kCubic), hn::Set(d, kLinear));
    const Vector derivative =
        hn::MulAdd(hn::Mul(gelu, hn::Sub(hn::Set(d, 1.0f), gate)), slope, gate);
    access.Store(hn::Mul(access.Load(dout + i), derivative), dx + i);
    access.Store(gelu, out + i);
  });
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace penstock::cpu {

HWY_EXPORT(GeluRow);
HWY_EXPORT(GeluBackwardRow);

void Gelu(ConstTensor x, Tensor out) {
  for (int64_t r = 0; r < x.rows; ++r) {
    HWY_DYNAMIC_DISPATCH(GeluRow)
    (x.as<float>() + r * x.stride, x.cols, out.as<float>() + r * out.stride);
  }
}

void GeluBackward(ConstTensor dout, ConstTensor x, Tensor dx, Tensor out) {
  for (int64_t r = 0; r < x.rows; ++r) {
    HWY_DYNAMIC_DISPATCH(GeluBackwardRow)
    (dout.as<float>() + r * dout.stride, x.as<float>() + r * x.stride, x.cols,
     dx.as<float>() + r * dx.stride, out.as<float>() + r * out.stride);
  }
}

}  // namespace penstock::cpu
#endif  // HWY_ONCE
