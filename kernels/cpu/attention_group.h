#ifndef KERNELS_CPU_ATTENTION_GROUP_H_
#define KERNELS_CPU_ATTENTION_GROUP_H_

#include <cstdint>

#include "kernels/attention_shape.h"
#include "kernels/tensor.h"

namespace penstock::cpu {

// The part of an attention's tensors that depends on nothing else: one sample's
// heads of q that share one head of k and v.
class AttentionGroup {
 public:
  AttentionGroup(const AttentionShape& shape, int64_t sample, int64_t group)
      : all_(shape),
        sample_(sample),
        group_(group),
        heads_(shape.heads / shape.groups()) {}

  AttentionShape shape() const {
    return {.batch = 1,
            .sequence = all_.sequence,
            .heads = heads_,
            .head_dim = all_.head_dim,
            .before = all_.before,
            .kv_heads = 1};
  }

  // Of q, out or a gradient of them.
  template <typename AnyTensor>
  AnyTensor Queries(const AnyTensor& tensor) const {
    const int64_t cols = heads_ * all_.head_dim;
    return Columns(Rows(tensor, sample_ * all_.sequence, all_.sequence),
                   group_ * cols, cols);
  }

  // Of k, v or a gradient of them.
  template <typename AnyTensor>
  AnyTensor Keys(const AnyTensor& tensor) const {
    return Columns(Rows(tensor, sample_ * all_.keys(), all_.keys()),
                   group_ * all_.head_dim, all_.head_dim);
  }

  // Of [batch, heads, sequence].
  template <typename T>
  T* Statistics(T* all) const {
    return all + (sample_ * all_.heads + group_ * heads_) * all_.sequence;
  }

 private:
  const AttentionShape all_;
  const int64_t sample_;
  const int64_t group_;
  const int64_t heads_;
};

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_ATTENTION_GROUP_H_
