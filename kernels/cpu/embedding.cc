#include "kernels/cpu/embedding.h"

#include <algorithm>

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/embedding.cc"
#include "hwy/foreach_target.h"
// Highway's order: its headers after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

// out = a + b; out may be either.
void AddInto(const float* a, const float* b, size_t count, float* out) {
  ForEachVector(count, [=](auto access, size_t i) HWY_ATTR {
    access.Store(hn::Add(access.Load(a + i), access.Load(b + i)), out + i);
  });
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace penstock::cpu {

HWY_EXPORT(AddInto);

void Embedding(ConstTensor token, ConstTensor position, Tensor out) {
  if (position.data == nullptr) {
    std::copy_n(token.as<float>(), out.cols, out.as<float>());
    return;
  }
  HWY_DYNAMIC_DISPATCH(AddInto)
  (token.as<float>(), position.as<float>(), out.cols, out.as<float>());
}

void EmbeddingBackward(ConstTensor dout, Tensor d_token, Tensor d_position) {
  const auto add = HWY_DYNAMIC_DISPATCH(AddInto);
  for (const Tensor& sum : {d_token, d_position}) {
    if (sum.data == nullptr) continue;
    add(sum.as<float>(), dout.as<float>(), dout.cols, sum.as<float>());
  }
}

}  // namespace penstock::cpu
#endif  // HWY_ONCE
