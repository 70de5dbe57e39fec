#ifndef PROTO_UNIT_LAYOUT_H_
#define PROTO_UNIT_LAYOUT_H_

#include <cstdint>

#include "proto/precision.h"

namespace penstock {

// Where the units of a model keep their tensors: byte offsets into the saved,
// deferred and scratch memory of one pass over N tokens (H below is hidden, V
// vocabulary). The worker's layers write by these offsets and CostOfBlock and
// CostOfHead report these sizes, so the planner's forecast cannot differ from
// what happens. Statistics, losses and later_d_kv are float32, all other
// tensors of the job's precision; they are dense and begin at multiples of 64
// bytes.

// What one pass of a unit works on.
struct PassShape {
  int64_t tokens = 0;  // N: of a micro-batch, or of a piece of one.
  int pieces = 1;      // How many the sequences are cut into.
  Precision precision = Precision::kFp32;
  bool on_gpu = false;  // Which wants larger products than a CPU's caches do.
};

// A pre-norm transformer block: attention and an MLP, each behind a norm and
// added to its input.
struct BlockShape {
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;  // Divides heads; fewer are shared by queries.
  int64_t head_dim = 0;
  int64_t mlp = 0;             // The MLP's inner width.
  bool gated = false;          // Of two products, one gates the other.
  bool centered_norm = false;  // Norms that take off the mean keep it, too.
  int64_t sequence_length = 0;

  int64_t q_width() const { return heads * head_dim; }
  int64_t kv_width() const { return kv_heads * head_dim; }
  int64_t qkv_width() const { return q_width() + 2 * kv_width(); }
  // Of what the MLP's activation reads: the gate, then what it gates.
  int64_t mlp_in_width() const { return gated ? 2 * mlp : mlp; }
};

struct BlockLayout {
  // Saved by the forward pass.
  int64_t mean1 = 0;  // [N] statistics of the first norm.
  int64_t rstd1 = 0;
  int64_t qkv = 0;        // [N, qkv_width]
  int64_t attention = 0;  // [N, q_width] before attention's projection.
  int64_t lse = 0;        // [batch, heads, sequence]
  int64_t middle = 0;     // [N, H] x + attention branch.
  int64_t mean2 = 0;      // [N] statistics of the second norm.
  int64_t rstd2 = 0;
  int64_t mlp_in = 0;  // [N, mlp_in_width] before the activation.
  // With pieces: [N, 2 kv_width] what later pieces give to the gradients of
  // this one's keys and values.
  int64_t later_d_kv = 0;
  int64_t saved_bytes = 0;

  // Deferred from the input-gradient to the weight-gradient pass.
  int64_t d_mlp_in = 0;    // [N, mlp_in_width]
  int64_t activation = 0;  // [N, mlp] recomputed, the projection's input.
  int64_t d_norm2 = 0;     // [N, H] gradient of the second norm's output.
  int64_t d_middle = 0;    // [N, H]
  int64_t d_qkv = 0;       // [N, qkv_width]
  int64_t d_norm1 = 0;     // [N, H]
  int64_t deferred_bytes = 0;

  // Scratch. The tensors share memory where they do not live together.
  int64_t norm = 0;                // [N, H] forward and weight gradient.
  int64_t forward_activation = 0;  // [N, mlp] after `norm` has been used.
  int64_t forward_attention = 0;   // attention_scratch_bytes, likewise.
  int64_t d_attention = 0;  // [N, q_width] input gradient, with the next.
  int64_t backward_attention = 0;
  int64_t attention_scratch_bytes = 0;  // A backend's attention gets no more.
  // With pieces: [N x pieces, 2 kv_width] keys and values of all pieces up to
  // this one and, in the input-gradient pass, their gradients.
  int64_t forward_kv = 0;
  int64_t backward_kv = 0;
  int64_t backward_d_kv = 0;
  int64_t scratch_bytes = 0;
};

BlockLayout LayoutOfBlock(const BlockShape& shape, const PassShape& pass);

// The model's end: norm, product with the output weight, loss.
struct HeadShape {
  int64_t hidden = 0;
  int64_t vocabulary = 0;
  bool centered_norm = false;
};

// The head never holds all logits: it works on `block_rows` tokens at a time,
// in the input-gradient pass, and takes from them whatever is needed of them.
struct HeadLayout {
  int64_t block_rows = 0;

  // Saved, by the input-gradient pass.
  int64_t losses = 0;  // [N]
  int64_t saved_bytes = 0;

  // Deferred from the input-gradient to the weight-gradient pass.
  int64_t mean = 0;    // [N]
  int64_t rstd = 0;    // [N]
  int64_t d_norm = 0;  // [N, H]
  int64_t deferred_bytes = 0;

  // Scratch.
  int64_t logits = 0;  // [block_rows, V]
  int64_t norm = 0;    // [block_rows, H]
  int64_t scratch_bytes = 0;
};

HeadLayout LayoutOfHead(const HeadShape& shape, const PassShape& pass);

}  // namespace penstock

#endif  // PROTO_UNIT_LAYOUT_H_
