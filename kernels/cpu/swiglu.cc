#include "kernels/cpu/swiglu.h"

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/swiglu.cc"
#include "hwy/foreach_target.h"
// Highway's order: its headers after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

// The exponent is capped where exp would overflow; x * sigmoid(x) is nearly
// below the smallest normal number from there on.
HWY_INLINE Vector Sigmoid(Vector x) {
  const Floats d;
  const Vector one = hn::Set(d, 1.0f);
  const Vector exponential = Exp(hn::Min(hn::Neg(x), hn::Set(d, 88.0f)));
  return hn::Div(one, hn::Add(one, exponential));
}

void SwiGluRow(const float* gate, const float* up, size_t count, float* out) {
  ForEachVector(count, [=](auto access, size_t i) HWY_ATTR {
    const Vector g = access.Load(gate + i);
    const Vector silu = hn::Mul(g, Sigmoid(g));
    access.Store(hn::Mul(silu, access.Load(up + i)), out + i);
  });
}

// silu' = s + g s' = s + silu (1 - s).
void SwiGluBackwardRow(const float* dout, const float* gate, const float* up,
                       size_t count, float* dgate, float* dup, float* out) {
  ForEachVector(count, [=](auto access, size_t i) HWY_ATTR {
    const Vector one = hn::Set(Floats(), 1.0f);
    const Vector g = access.Load(gate + i);
    const Vector u = access.Load(up + i);
    const Vector d = access.Load(dout + i);
    const Vector sigmoid = Sigmoid(g);
    const Vector silu = hn::Mul(g, sigmoid);
    const Vector slope = hn::MulAdd(silu, hn::Sub(one, sigmoid), sigmoid);
    access.Store(hn::Mul(hn::Mul(d, u), slope), dgate + i);
    access.Store(hn::Mul(d, silu), dup + i);
    access.Store(hn::Mul(silu, u), out + i);
  });
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace penstock::cpu {

HWY_EXPORT(SwiGluRow);
HWY_EXPORT(SwiGluBackwardRow);

void SwiGlu(ConstTensor gate, ConstTensor up, Tensor out) {
  for (int64_t r = 0; r < gate.rows; ++r) {
    HWY_DYNAMIC_DISPATCH(SwiGluRow)
    (gate.as<float>() + r * gate.stride, up.as<float>() + r * up.stride,
     gate.cols, out.as<float>() + r * out.stride);
  }
}

void SwiGluBackward(ConstTensor dout, ConstTensor gate, ConstTensor up,
                    Tensor dgate, Tensor dup, Tensor out) {
  for (int64_t r = 0; r < gate.rows; ++r) {
    HWY_DYNAMIC_DISPATCH(SwiGluBackwardRow)
    (dout.as<float>() + r * dout.stride, gate.as<float>() + r * gate.stride,
     up.as<float>() + r * up.stride, gate.cols,
     dgate.as<float>() + r * dgate.stride, dup.as<float>() + r * dup.stride,
     out.as<float>() + r * out.stride);
  }
}

}  // namespace penstock::cpu
#endif  // HWY_ONCE
