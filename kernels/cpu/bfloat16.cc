#include "kernels/cpu/bfloat16.h"

#include <cstdint>

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/bfloat16.cc"
#include "hwy/foreach_target.h"
// Highway's order: its headers after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

using Words = hn::RebindToUnsigned<Floats>;
using Halves = hn::Rebind<uint16_t, Floats>;

// A bfloat16 is the upper half of a float32.
HWY_INLINE Vector Widened(hn::Vec<Halves> value) {
  return hn::BitCast(Floats(),
                     hn::ShiftLeft<16>(hn::PromoteTo(Words(), value)));
}

HWY_INLINE hn::Vec<Halves> Rounded(Vector value) {
  const Words words;
  const auto bits = hn::BitCast(words, value);
  // Half of the last place, less one where the result is even already.
  const auto odd =
      hn::And(hn::ShiftRight<16>(bits), hn::Set(words, uint32_t{1}));
  const auto half = hn::Add(hn::Set(words, uint32_t{0x7fff}), odd);
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, half));
  // Adding to a NaN could carry into its sign.
  const auto nan = hn::RebindMask(words, hn::IsNaN(value));
  const auto result =
      hn::IfThenElse(nan, hn::Set(words, uint32_t{0x7fc0}), rounded);
  return hn::DemoteTo(Halves(),
                      hn::BitCast(hn::RebindToSigned<Floats>(), result));
}

void WidenRow(const uint16_t* from, size_t count, float* to) {
  const size_t lanes = hn::Lanes(Floats());
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(Widened(hn::LoadU(Halves(), from + i)), Floats(), to + i);
  }
  if (i == count) return;
  const auto rest = hn::FirstN(Halves(), count - i);
  hn::BlendedStore(Widened(hn::MaskedLoad(rest, Halves(), from + i)),
                   hn::FirstN(Floats(), count - i), Floats(), to + i);
}

void RoundRow(const float* from, size_t count, uint16_t* to) {
  const size_t lanes = hn::Lanes(Floats());
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(Rounded(hn::LoadU(Floats(), from + i)), Halves(), to + i);
  }
  if (i == count) return;
  const auto rest = hn::FirstN(Floats(), count - i);
  hn::BlendedStore(Rounded(hn::MaskedLoad(rest, Floats(), from + i)),
                   hn::FirstN(Halves(), count - i), Halves(), to + i);
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace penstock::cpu {

HWY_EXPORT(WidenRow);
HWY_EXPORT(RoundRow);

void Convert(ConstTensor from, Tensor to) {
  const auto widen = HWY_DYNAMIC_DISPATCH(WidenRow);
  const auto round = HWY_DYNAMIC_DISPATCH(RoundRow);
  for (int64_t r = 0; r < from.rows; ++r) {
    const ConstTensor source = Rows(from, r, 1);
    const Tensor target = Rows(to, r, 1);
    if (from.type == DataType::kBFloat16) {
      widen(source.as<uint16_t>(), from.cols, target.as<float>());
    } else {
      round(source.as<float>(), from.cols, target.as<uint16_t>());
    }
  }
}

}  // namespace penstock::cpu
#endif  // HWY_ONCE
