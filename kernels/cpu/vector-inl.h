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

HWY_INLINE float Sum(Vector value) {
  return hn::GetLane(hn::SumOfLanes(Floats(), value));
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KERNELS_CPU_VECTOR_INL_H_
