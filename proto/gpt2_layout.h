#ifndef PROTO_GPT2_LAYOUT_H_
#define PROTO_GPT2_LAYOUT_H_

#include <cstdint>

#include "proto/gpt2.h"

namespace penstock {

// Where the units of a GPT-2 keep their tensors: byte offsets into the saved,
// deferred and scratch memory of one pass over `tokens` tokens (N below; H is
// hidden, V vocabulary), which are a micro-batch's or a piece's. The worker's
// layers write by these offsets and CostOfUnit reports these sizes, so the
// planner's forecast cannot differ from what happens. All tensors are float32,
// dense, and begin at multiples of 64 bytes.

struct BlockLayout {
  // Saved by the forward pass.
  int64_t mean1 = 0;  // [N] statistics of the first norm.
  int64_t rstd1 = 0;
  int64_t qkv = 0;        // [N, 3H]
  int64_t attention = 0;  // [N, H] attention's output, before its projection.
  int64_t lse = 0;        // [batch, heads, sequence]
  int64_t middle = 0;     // [N, H] x + attention branch.
  int64_t mean2 = 0;      // [N] statistics of the second norm.
  int64_t rstd2 = 0;
  int64_t fc = 0;  // [N, 4H] before the GELU.
  // With pieces: [N, 2H] what later pieces give to the gradients of this one's
  // keys and values.
  int64_t later_d_kv = 0;
  int64_t saved_bytes = 0;

  // Deferred from the input-gradient to the weight-gradient pass.
  int64_t d_fc = 0;      // [N, 4H]
  int64_t gelu = 0;      // [N, 4H] recomputed, the projection's input.
  int64_t d_norm2 = 0;   // [N, H] gradient of the second norm's output.
  int64_t d_middle = 0;  // [N, H]
  int64_t d_qkv = 0;     // [N, 3H]
  int64_t d_norm1 = 0;   // [N, H]
  int64_t deferred_bytes = 0;

  // Scratch. The tensors share memory where they do not live together.
  int64_t norm = 0;               // [N, H] forward and weight gradient.
  int64_t forward_gelu = 0;       // [N, 4H] after `norm` has been used.
  int64_t forward_attention = 0;  // attention_scratch_bytes, likewise.
  int64_t d_attention = 0;        // [N, H] input gradient, with the next.
  int64_t backward_attention = 0;
  int64_t attention_scratch_bytes = 0;  // A backend's attention gets no more.
  // With pieces: [N x pieces, 2H] keys and values of all pieces up to this one
  // and, in the input-gradient pass, their gradients.
  int64_t forward_kv = 0;
  int64_t backward_kv = 0;
  int64_t backward_d_kv = 0;
  int64_t scratch_bytes = 0;
};

BlockLayout LayoutOfBlock(const Gpt2Config& config, int64_t tokens,
                          int pieces = 1);

// The head never holds all logits: it works on `block_rows` tokens at a time
// and computes the loss's gradient with respect to the norm's output along with
// the loss.
struct HeadLayout {
  int64_t block_rows = 0;

  // Saved by the forward pass. Nothing is deferred.
  int64_t losses = 0;  // [N]
  int64_t mean = 0;    // [N]
  int64_t rstd = 0;    // [N]
  int64_t d_norm = 0;  // [N, H]
  int64_t saved_bytes = 0;

  // Scratch.
  int64_t logits = 0;        // [block_rows, V]
  int64_t norm = 0;          // [block_rows, H]
  int64_t block_losses = 0;  // [block_rows]
  int64_t scratch_bytes = 0;
};

HeadLayout LayoutOfHead(const Gpt2Config& config, int64_t tokens);

}  // namespace penstock

#endif  // PROTO_GPT2_LAYOUT_H_
