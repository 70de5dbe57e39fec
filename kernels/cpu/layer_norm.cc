#include "kernels/cpu/layer_norm.h"

#include <cmath>

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/layer_norm.cc"
#include "hwy/foreach_target.h"
// Highway's order: its headers after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

// x and out may be the same.
void ApplyRow(const float* x, size_t cols, RowMoments moments,
              const float* gain, const float* bias, float* out) {
  const Floats d;
  const Vector mean = hn::Set(d, moments.mean);
  const Vector rstd = hn::Set(d, moments.rstd);
  ForEachVector(cols, [=](auto access, size_t c) HWY_ATTR {
    const Vector xhat = hn::Mul(hn::Sub(access.Load(x + c), mean), rstd);
    access.Store(hn::MulAdd(xhat, access.Load(gain + c), access.Load(bias + c)),
                 out + c);
  });
}

RowMoments MomentsOfRow(const float* x, size_t cols, float epsilon) {
  const Floats d;
  Vector sum = hn::Zero(d);
  ForEachVector(cols, [&](auto access, size_t c)
                          HWY_ATTR { sum = hn::Add(sum, access.Load(x + c)); });
  const float mean = Sum(sum) / static_cast<float>(cols);
  const Vector means = hn::Set(d, mean);
  Vector squares = hn::Zero(d);
  ForEachVector(cols, [&](auto access, size_t c) HWY_ATTR {
    const Vector centered = access.Zeroed(hn::Sub(access.Load(x + c), means));
    squares = hn::MulAdd(centered, centered, squares);
  });
  const float variance = Sum(squares) / static_cast<float>(cols);
  return {mean, 1 / std::sqrt(variance + epsilon)};
}

void NormalizeRow(const float* x, size_t cols, const float* gain,
                  const float* bias, float epsilon, float* out, float* mean,
                  float* rstd) {
  const RowMoments moments = MomentsOfRow(x, cols, epsilon);
  ApplyRow(x, cols, moments, gain, bias, out);
  *mean = moments.mean;
  *rstd = moments.rstd;
}

// With g = dout * gain: dx = rstd (g - mean(g) - xhat mean(g xhat)) + addend.
void BackwardRow(const float* dout, const float* x, size_t cols,
                 RowMoments moments, const float* gain, const float* addend,
                 float* dx) {
  const Floats d;
  const Vector mean = hn::Set(d, moments.mean);
  const Vector rstd = hn::Set(d, moments.rstd);
  Vector g_sum = hn::Zero(d);
  Vector g_xhat_sum = hn::Zero(d);
  ForEachVector(cols, [&](auto access, size_t c) HWY_ATTR {
    const Vector g = hn::Mul(access.Load(dout + c), access.Load(gain + c));
    const Vector xhat = hn::Mul(hn::Sub(access.Load(x + c), mean), rstd);
    g_sum = hn::Add(g_sum, g);
    g_xhat_sum = hn::MulAdd(g, xhat, g_xhat_sum);
  });
  const float scale = 1.0f / static_cast<float>(cols);
  const Vector g_mean = hn::Set(d, Sum(g_sum) * scale);
  const Vector g_xhat_mean = hn::Set(d, Sum(g_xhat_sum) * scale);
  const auto gradient = [&](auto access, size_t c) HWY_ATTR {
    const Vector g = hn::Mul(access.Load(dout + c), access.Load(gain + c));
    const Vector xhat = hn::Mul(hn::Sub(access.Load(x + c), mean), rstd);
    return hn::NegMulAdd(xhat, g_xhat_mean, hn::Sub(g, g_mean));
  };
  if (addend == nullptr) {
    ForEachVector(cols, [&](auto access, size_t c) HWY_ATTR {
      access.Store(hn::Mul(gradient(access, c), rstd), dx + c);
    });
    return;
  }
  ForEachVector(cols, [&](auto access, size_t c) HWY_ATTR {
    access.Store(hn::MulAdd(gradient(access, c), rstd, access.Load(addend + c)),
                 dx + c);
  });
}

// Adds kRows rows to dgain and dbias, so that these are loaded and stored once
// for all of them.
template <int kRows>
HWY_INLINE void AddWeightGradients(const float* dout, int64_t dout_stride,
                                   const float* x, int64_t x_stride,
                                   size_t cols, const float* mean,
                                   const float* rstd, float* dgain,
                                   float* dbias) {
  ForEachVector(cols, [=](auto access, size_t c) HWY_ATTR {
    const Floats d;
    Vector gain_sum = hn::Zero(d);
    Vector bias_sum = hn::Zero(d);
    for (int r = 0; r < kRows; ++r) {
      const Vector g = access.Load(dout + r * dout_stride + c);
      const Vector xhat = hn::Mul(
          hn::Sub(access.Load(x + r * x_stride + c), hn::Set(d, mean[r])),
          hn::Set(d, rstd[r]));
      gain_sum = hn::MulAdd(g, xhat, gain_sum);
      bias_sum = hn::Add(bias_sum, g);
    }
    access.Store(hn::Add(access.Load(dgain + c), gain_sum), dgain + c);
    access.Store(hn::Add(access.Load(dbias + c), bias_sum), dbias + c);
  });
}

void BackwardWeight(const ConstTensor& dout, const ConstTensor& x,
                    const float* mean, const float* rstd, float* dgain,
                    float* dbias) {
  constexpr int kRows = 8;
  int64_t r = 0;
  for (; r + kRows <= x.rows; r += kRows) {
    AddWeightGradients<kRows>(dout.as<float>() + r * dout.stride, dout.stride,
                              x.as<float>() + r * x.stride, x.stride, x.cols,
                              mean + r, rstd + r, dgain, dbias);
  }
  for (; r < x.rows; ++r) {
    AddWeightGradients<1>(dout.as<float>() + r * dout.stride, dout.stride,
                          x.as<float>() + r * x.stride, x.stride, x.cols,
                          mean + r, rstd + r, dgain, dbias);
  }
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace penstock::cpu {

HWY_EXPORT(NormalizeRow);
HWY_EXPORT(ApplyRow);
HWY_EXPORT(BackwardRow);
HWY_EXPORT(BackwardWeight);

void LayerNorm(ConstTensor x, const float* gain, const float* bias,
               float epsilon, Tensor out, float* mean, float* rstd) {
  for (int64_t r = 0; r < x.rows; ++r) {
    HWY_DYNAMIC_DISPATCH(NormalizeRow)
    (x.as<float>() + r * x.stride, x.cols, gain, bias, epsilon,
     out.as<float>() + r * out.stride, mean + r, rstd + r);
  }
}

void LayerNormApply(ConstTensor x, const float* mean, const float* rstd,
                    const float* gain, const float* bias, Tensor out) {
  for (int64_t r = 0; r < x.rows; ++r) {
    HWY_DYNAMIC_DISPATCH(ApplyRow)
    (x.as<float>() + r * x.stride, x.cols, RowMoments{mean[r], rstd[r]}, gain,
     bias, out.as<float>() + r * out.stride);
  }
}

void LayerNormBackwardInput(ConstTensor dout, ConstTensor x, const float* mean,
                            const float* rstd, const float* gain,
                            ConstTensor addend, Tensor dx) {
  for (int64_t r = 0; r < x.rows; ++r) {
    const float* addend_row = addend.data == nullptr
                                  ? nullptr
                                  : addend.as<float>() + r * addend.stride;
    HWY_DYNAMIC_DISPATCH(BackwardRow)
    (dout.as<float>() + r * dout.stride, x.as<float>() + r * x.stride, x.cols,
     RowMoments{mean[r], rstd[r]}, gain, addend_row,
     dx.as<float>() + r * dx.stride);
  }
}

void LayerNormBackwardWeight(ConstTensor dout, ConstTensor x, const float* mean,
                             const float* rstd, float* dgain, float* dbias) {
  HWY_DYNAMIC_DISPATCH(BackwardWeight)(dout, x, mean, rstd, dgain, dbias);
}

}  // namespace penstock::cpu
#endif  // HWY_ONCE
