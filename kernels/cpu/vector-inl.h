// What all vectorized kernels share. Compiled once per instruction set, so the
// guard is Highway's: it toggles with every pass over the including file.

#if defined(KERNELS_CPU_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERNELS_CPU_VECTOR_INL_H_
#undef KERNELS_CPU_VECTOR_INL_H_
#else
#define KERNELS_CPU_VECTOR_INL_H_
#endif

#include <cstddef>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

// Loads and stores of whole vectors.
struct Whole {
  HWY_INLINE Vector Load(const float* from) const {
    return hn::LoadU(Floats(), from);
  }
  HWY_INLINE void Store(Vector value, float* to) const {
    hn::StoreU(value, Floats(), to);
  }
  // `value`, with 0 where there is no element.
  HWY_INLINE Vector Zeroed(Vector value) const { return value; }
  // `value`, with `other` where there is no element.
  HWY_INLINE Vector Or(Vector value, Vector /*other*/) const { return value; }
};

// Loads and stores of the first `count` lanes only; others load as 0.
struct Part {
  size_t count;

  HWY_INLINE Vector Load(const float* from) const {
    return hn::MaskedLoad(hn::FirstN(Floats(), count), Floats(), from);
  }
  HWY_INLINE void Store(Vector value, float* to) const {
    hn::BlendedStore(value, hn::FirstN(Floats(), count), Floats(), to);
  }
  HWY_INLINE Vector Zeroed(Vector value) const {
    return hn::IfThenElseZero(hn::FirstN(Floats(), count), value);
  }
  HWY_INLINE Vector Or(Vector value, Vector other) const {
    return hn::IfThenElse(hn::FirstN(Floats(), count), value, other);
  }
};

// Calls body(access, i) for i = 0, lanes, 2 * lanes ... below count, where
// access is Whole or, for what remains at the end, Part.
template <typename Body>
HWY_INLINE void ForEachVector(size_t count, const Body& body) {
  const size_t lanes = hn::Lanes(Floats());
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) body(Whole(), i);
  if (i < count) body(Part{count - i}, i);
}

// exp(x) for x <= 88, 0 below -87, NaN stays NaN; within 2 units in the last
// place. Reduction and polynomial of Cephes' expf (Moshier 1992), which takes
// half the operations of Highway's.
HWY_INLINE Vector Exp(Vector x) {
  const Floats d;
  const hn::RebindToSigned<Floats> integers;
  // Added, it leaves round(x / ln 2) in the lowest bits.
  const Vector magic = hn::Set(d, 12582912.0f);
  const Vector shifted = hn::MulAdd(x, hn::Set(d, 1.44269504f), magic);
  const Vector k = hn::Sub(shifted, magic);
  // ln 2 in two parts, the first of few bits.
  const Vector high = hn::NegMulAdd(k, hn::Set(d, 0.693359375f), x);
  const Vector r = hn::NegMulAdd(k, hn::Set(d, -2.12194440e-4f), high);
  Vector p = hn::Set(d, 1.9875691500e-4f);
  p = hn::MulAdd(p, r, hn::Set(d, 1.3981999507e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
  p = hn::Add(hn::MulAdd(p, hn::Mul(r, r), r), hn::Set(d, 1.0f));
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(integers, shifted));
  const Vector power =
      hn::BitCast(d, hn::Add(hn::BitCast(integers, p), exponent));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.0f)), power);
}

HWY_INLINE void Copy(const float* from, size_t count, float* to) {
  ForEachVector(count, [=](auto access, size_t i) HWY_ATTR {
    access.Store(access.Load(from + i), to + i);
  });
}

HWY_INLINE void Fill0(size_t count, float* to) {
  ForEachVector(count, [=](auto access, size_t i) HWY_ATTR {
    access.Store(hn::Zero(Floats()), to + i);
  });
}

HWY_INLINE float Sum(Vector value) {
  return hn::GetLane(hn::SumOfLanes(Floats(), value));
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KERNELS_CPU_VECTOR_INL_H_
