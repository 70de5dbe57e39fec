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

void Embedding(const int32_t* tokens, int64_t sequence, ConstTensor token_table,
               ConstTensor position_table, Tensor out) {
  const auto add = HWY_DYNAMIC_DISPATCH(AddInto);
  for (int64_t r = 0; r < out.rows; ++r) {
    if (position_table.data == nullptr) {
      std::copy_n(Rows(token_table, tokens[r], 1).as<float>(), out.cols,
                  Rows(out, r, 1).as<float>());
      continue;
    }
    add(Rows(token_table, tokens[r], 1).as<float>(),
        Rows(position_table, r % sequence, 1).as<float>(), out.cols,
        Rows(out, r, 1).as<float>());
  }
}

void EmbeddingBackward(const int32_t* tokens, int64_t sequence,
                       ConstTensor dout, Tensor d_token_table,
                       Tensor d_position_table) {
  const auto add = HWY_DYNAMIC_DISPATCH(AddInto);
  for (int64_t r = 0; r < dout.rows; ++r) {
    const float* gradient = Rows(dout, r, 1).as<float>();
    float* token = Rows(d_token_table, tokens[r], 1).as<float>();
    add(token, gradient, dout.cols, token);
    if (d_position_table.data == nullptr) continue;
    float* position = Rows(d_position_table, r % sequence, 1).as<float>();
    add(position, gradient, dout.cols, position);
  }
}

}  // namespace penstock::cpu
#endif  // HWY_ONCE
