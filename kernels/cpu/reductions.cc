#include "kernels/cpu/reductions.h"

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/reductions.cc"
#include "hwy/foreach_target.h"
// Highway's order: its headers after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

// Adds kRows rows of x to sums, so that these are loaded and stored once for
// all of them.
template <int kRows>
HWY_INLINE void AddRows(const float* x, int64_t stride, size_t cols,
                        float* sums) {
  ForEachVector(cols, [=](auto access, size_t c) HWY_ATTR {
    Vector sum = access.Load(x + c);
    for (int r = 1; r < kRows; ++r) {
      sum = hn::Add(sum, access.Load(x + r * stride + c));
    }
    access.Store(hn::Add(access.Load(sums + c), sum), sums + c);
  });
}

void AddAllRows(const ConstTensor& x, float* sums) {
  constexpr int kRows = 8;
  int64_t r = 0;
  for (; r + kRows <= x.rows; r += kRows) {
    AddRows<kRows>(x.as<float>() + r * x.stride, x.stride, x.cols, sums);
  }
  for (; r < x.rows; ++r) {
    AddRows<1>(x.as<float>() + r * x.stride, x.stride, x.cols, sums);
  }
}

// Four vectors of double in flight hide the latency of the additions; the
// order of the sum depends on count and the instruction set only.
double SquaresInDouble(const float* x, size_t count) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, hn::ScalableTag<double>> half;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<hn::ScalableTag<double>> sum[4] = {hn::Zero(d), hn::Zero(d),
                                             hn::Zero(d), hn::Zero(d)};
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    for (int part = 0; part < 4; ++part) {
      const auto value =
          hn::PromoteTo(d, hn::LoadU(half, x + i + part * lanes));
      sum[part] = hn::MulAdd(value, value, sum[part]);
    }
  }
  double total = hn::GetLane(hn::SumOfLanes(
      d, hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]))));
  for (; i < count; ++i) total += static_cast<double>(x[i]) * x[i];
  return total;
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace penstock::cpu {

HWY_EXPORT(AddAllRows);
HWY_EXPORT(SquaresInDouble);

void ColumnSums(ConstTensor x, float* sums) {
  HWY_DYNAMIC_DISPATCH(AddAllRows)(x, sums);
}

void Accumulate(const float* x, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(AddAllRows)(Float32(x, 1, count), out);
}

double SumOfSquares(const float* x, int64_t count) {
  return HWY_DYNAMIC_DISPATCH(SquaresInDouble)(x, count);
}

}  // namespace penstock::cpu
#endif  // HWY_ONCE
