#ifndef KERNELS_ATTENTION_SHAPE_H_
#define KERNELS_ATTENTION_SHAPE_H_

#include <cstdint>

namespace penstock {

// Causal self-attention of `batch` sequences of `sequence` tokens, `heads`
// heads of `head_dim`. Row b * sequence + t of every tensor is token t of
// sample b, columns h * head_dim .. of q and out are head h.
//
// k, v, dk and dv have `groups()` heads (grouped-query attention, Ainslie et
// al. 2023): heads h of q with the same h / (heads / groups()) read the same
// one, whose gradients are their sum, in the order of h.
//
// The tokens may be a later piece of longer sequences: then `before` more come
// before them in each sample of k, v, dk and dv, whose row
// b * keys() + before + t is token t, and every query sees those, too.
struct AttentionShape {
  int64_t batch = 0;
  int64_t sequence = 0;
  int64_t heads = 0;
  int64_t head_dim = 0;
  int64_t before = 0;
  int64_t kv_heads = 0;  // Divides heads; 0 for as many as heads.

  int64_t keys() const { return before + sequence; }
  int64_t groups() const { return kv_heads == 0 ? heads : kv_heads; }
};

// How a CUDA device computes attention's gradient in bfloat16.
enum class AttentionForm {
  // The same bits every time, as Backend promises; keeps 2 * batch * heads *
  // sequence^2 bytes of the device's memory.
  kDeterministic,
  // Sums the gradient of q in any order and keeps little; the only operation of
  // any backend whose bits may differ.
  kFast,
};

}  // namespace penstock

#endif  // KERNELS_ATTENTION_SHAPE_H_
