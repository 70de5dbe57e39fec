#include "kernels/cpu/rms_norm.h"

#include <cmath>

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rms_norm.cc"
#include "hwy/foreach_target.h"
// Highway's order: its headers after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

// x and out may be the same.
void ScaleRowByRms(const float* x, size_t cols, float rstd, const float* gain,
                   float* out) {
  const Vector scale = hn::Set(Floats(), rstd);
  ForEachVector(cols, [=](auto access, size_t c) HWY_ATTR {
    const Vector xhat = hn::Mul(access.Load(x + c), scale);
    access.Store(hn::Mul(xhat, access.Load(gain + c)), out + c);
  });
}

float RstdOfRow(const float* x, size_t cols, float epsilon) {
  Vector squares = hn::Zero(Floats());
  ForEachVector(cols, [&](auto access, size_t c) HWY_ATTR {
    const Vector value = access.Load(x + c);
    squares = hn::MulAdd(value, value, squares);
  });
  const float mean = Sum(squares) / static_cast<float>(cols);
  return 1 / std::sqrt(mean + epsilon);
}

void RmsNormRow(const float* x, size_t cols, const float* gain, float epsilon,
                float* out, float* rstd) {
  *rstd = RstdOfRow(x, cols, epsilon);
  ScaleRowByRms(x, cols, *rstd, gain, out);
}

// With g = dout * gain: dx = rstd (g - xhat mean(g xhat)) + addend.
void RmsNormBackwardRow(const float* dout, const float* x, size_t cols,
                        float rstd, const float* gain, const float* addend,
                        float* dx) {
  const Floats d;
  const Vector scale = hn::Set(d, rstd);
  Vector g_xhat_sum = hn::Zero(d);
  ForEachVector(cols, [&](auto access, size_t c) HWY_ATTR {
    const Vector g = hn::Mul(access.Load(dout + c), access.Load(gain + c));
    const Vector xhat = hn::Mul(access.Load(x + c), scale);
    g_xhat_sum = hn::MulAdd(g, xhat, g_xhat_sum);
  });
  const Vector g_xhat_mean =
      hn::Set(d, Sum(g_xhat_sum) * (1.0f / static_cast<float>(cols)));
  const auto gradient = [&](auto access, size_t c) HWY_ATTR {
    const Vector g = hn::Mul(access.Load(dout + c), access.Load(gain + c));
    const Vector xhat = hn::Mul(access.Load(x + c), scale);
    return hn::NegMulAdd(xhat, g_xhat_mean, g);
  };
  if (addend == nullptr) {
    ForEachVector(cols, [&](auto access, size_t c) HWY_ATTR {
      access.Store(hn::Mul(gradient(access, c), scale), dx + c);
    });
    return;
  }
  ForEachVector(cols, [&](auto access, size_t c) HWY_ATTR {
    access.Store(
        hn::MulAdd(gradient(access, c), scale, access.Load(addend + c)),
        dx + c);
  });
}

// Adds kRows rows to dgain, so that it is loaded and stored once for all of
// them.
template <int kRows>
HWY_INLINE void AddGainGradients(const ConstTensor& dout, const ConstTensor& x,
                                 int64_t row, const float* rstd, float* dgain) {
  const float* const gradients = dout.as<float>() + row * dout.stride;
  const float* const inputs = x.as<float>() + row * x.stride;
  ForEachVector(x.cols, [=](auto access, size_t c) HWY_ATTR {
    Vector sum = hn::Zero(Floats());
    for (int r = 0; r < kRows; ++r) {
      const Vector xhat = hn::Mul(access.Load(inputs + r * x.stride + c),
                                  hn::Set(Floats(), rstd[row + r]));
      sum = hn::MulAdd(access.Load(gradients + r * dout.stride + c), xhat, sum);
    }
    access.Store(hn::Add(access.Load(dgain + c), sum), dgain + c);
  });
}

void RmsNormGainGradient(const ConstTensor& dout, const ConstTensor& x,
                         const float* rstd, float* dgain) {
  constexpr int kRows = 8;
  int64_t r = 0;
  for (; r + kRows <= x.rows; r += kRows) {
    AddGainGradients<kRows>(dout, x, r, rstd, dgain);
  }
  for (; r < x.rows; ++r) AddGainGradients<1>(dout, x, r, rstd, dgain);
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace penstock::cpu {

HWY_EXPORT(RmsNormRow);
HWY_EXPORT(ScaleRowByRms);
HWY_EXPORT(RmsNormBackwardRow);
HWY_EXPORT(RmsNormGainGradient);

void RmsNorm(ConstTensor x, const float* gain, float epsilon, Tensor out,
             float* rstd) {
  for (int64_t r = 0; r < x.rows; ++r) {
    HWY_DYNAMIC_DISPATCH(RmsNormRow)
    (x.as<float>() + r * x.stride, x.cols, gain, epsilon,
     out.as<float>() + r * out.stride, rstd + r);
  }
}

void RmsNormApply(ConstTensor x, const float* rstd, const float* gain,
                  Tensor out) {
  for (int64_t r = 0; r < x.rows; ++r) {
    HWY_DYNAMIC_DISPATCH(ScaleRowByRms)
    (x.as<float>() + r * x.stride, x.cols, rstd[r], gain,
     out.as<float>() + r * out.stride);
  }
}

void RmsNormBackwardInput(ConstTensor dout, ConstTensor x, const float* rstd,
                          const float* gain, ConstTensor addend, Tensor dx) {
  for (int64_t r = 0; r < x.rows; ++r) {
    const float* addend_row = addend.data == nullptr
                                  ? nullptr
                                  : addend.as<float>() + r * addend.stride;
    HWY_DYNAMIC_DISPATCH(RmsNormBackwardRow)
    (dout.as<float>() + r * dout.stride, x.as<float>() + r * x.stride, x.cols,
     rstd[r], gain, addend_row, dx.as<float>() + r * dx.stride);
  }
}

void RmsNormBackwardWeight(ConstTensor dout, ConstTensor x, const float* rstd,
                           float* dgain) {
  HWY_DYNAMIC_DISPATCH(RmsNormGainGradient)(dout, x, rstd, dgain);
}

}  // namespace penstock::cpu
#endif  // HWY_ONCE
