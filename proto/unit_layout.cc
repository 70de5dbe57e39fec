#include "proto/unit_layout.h"

#include <algorithm>

namespace penstock {
namespace {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Gives out regions one after the other.
class Regions {
 public:
  explicit Regions(Precision precision) : precision_(precision) {}

  // Of `elements` in the precision.
  int64_t Take(int64_t elements) {
    return TakeBytes(elements * ElementBytes(precision_));
  }

  int64_t TakeFloats(int64_t floats) { return TakeBytes(floats * 4); }

  int64_t TakeBytes(int64_t bytes) {
    const int64_t offset = end_;
    end_ += (bytes + 63) / 64 * 64;
    return offset;
  }

  int64_t end() const { return end_; }

 private:
  const Precision precision_;
  int64_t end_ = 0;
};

// Room for either way to do attention: one head at a time with its operands
// and gradients packed (7 padded [sequence, head_dim]), or all heads at once
// with an accumulator for one gradient and a float per row and head; plus
// blocks of scores.
int64_t AttentionScratchMax(const BlockShape& shape, int64_t tokens) {
  const int64_t one_head =
      7 * (shape.sequence_length + 16) * (shape.head_dim + 16) * 4;
  const int64_t all_heads = tokens * (shape.q_width() + shape.heads) * 4;
  return std::max(one_head, all_heads) + (1 << 18);
}

void LayOutSaved(const BlockShape& shape, const PassShape& pass,
                 BlockLayout& layout) {
  const int64_t n = pass.tokens;
  Regions saved(pass.precision);
  const int64_t means = shape.centered_norm ? n : 0;
  layout.mean1 = saved.TakeFloats(means);
  layout.rstd1 = saved.TakeFloats(n);
  layout.qkv = saved.Take(n * shape.qkv_width());
  layout.attention = saved.Take(n * shape.q_width());
  layout.lse = saved.TakeFloats(n * shape.heads);
  layout.middle = saved.Take(n * shape.hidden);
  layout.mean2 = saved.TakeFloats(means);
  layout.rstd2 = saved.TakeFloats(n);
  layout.mlp_in = saved.Take(n * shape.mlp_in_width());
  if (pass.pieces > 1) {
    layout.later_d_kv = saved.TakeFloats(n * 2 * shape.kv_width());
  }
  layout.saved_bytes = saved.end();
}

void LayOutDeferred(const BlockShape& shape, const PassShape& pass,
                    BlockLayout& layout) {
  const int64_t n = pass.tokens;
  const int64_t h = shape.hidden;
  Regions deferred(pass.precision);
  layout.d_mlp_in = deferred.Take(n * shape.mlp_in_width());
  layout.activation = deferred.Take(n * shape.mlp);
  layout.d_norm2 = deferred.Take(n * h);
  layout.d_middle = deferred.Take(n * h);
  layout.d_qkv = deferred.Take(n * shape.qkv_width());
  layout.d_norm1 = deferred.Take(n * h);
  layout.deferred_bytes = deferred.end();
}

void LayOutScratch(const BlockShape& shape, const PassShape& pass,
                   BlockLayout& layout) {
  const int64_t n = pass.tokens;
  layout.attention_scratch_bytes = AttentionScratchMax(shape, n);

  // The norm's output is used up by the product whose output the attention or
  // the activation reads, so each of the three may have all of the memory.
  Regions norm(pass.precision);
  layout.norm = norm.Take(n * shape.hidden);
  Regions activation(pass.precision);
  layout.forward_activation = activation.Take(n * shape.mlp);
  Regions attention(pass.precision);
  layout.forward_attention =
      attention.TakeBytes(layout.attention_scratch_bytes);
  const int64_t kv =
      pass.pieces > 1 ? n * pass.pieces * 2 * shape.kv_width() : 0;
  layout.forward_kv = attention.Take(kv);

  Regions backward(pass.precision);
  layout.d_attention = backward.Take(n * shape.q_width());
  layout.backward_attention =
      backward.TakeBytes(layout.attention_scratch_bytes);
  layout.backward_kv = backward.Take(kv);
  layout.backward_d_kv = backward.Take(kv);

  layout.scratch_bytes =
      std::max({norm.end(), activation.end(), attention.end(), backward.end()});
}

// A CPU's blocks of logits should stay near the caches (2^22 floats are 16
// MiB), but each block reads the whole head weight: below 128 rows that reading
// takes longer than the arithmetic.
int64_t CpuBlockRows(const HeadShape& shape) {
  const int64_t rows = (int64_t{1} << 22) / shape.vocabulary;
  return std::max<int64_t>(rows, 128);
}

// A GPU adds the product of each block to the weight's gradient in float32:
// with fewer than some 820 rows that takes longer to read and write than to
// compute (8 bytes against 2 operations per row and element, of an H100). 2^28
// logits are several times as many rows for every vocabulary in use.
int64_t GpuBlockRows(const HeadShape& shape, int64_t tokens) {
  const int64_t rows_max =
      std::max<int64_t>((int64_t{1} << 28) / shape.vocabulary, 1024);
  const int64_t blocks = std::max<int64_t>(CeilDiv(tokens, rows_max), 1);
  // Of about the same size, and whole tiles.
  return CeilDiv(CeilDiv(tokens, blocks), 128) * 128;
}

int64_t HeadBlockRows(const HeadShape& shape, const PassShape& pass) {
  const int64_t rows =
      pass.on_gpu ? GpuBlockRows(shape, pass.tokens) : CpuBlockRows(shape);
  return std::min(rows, pass.tokens);
}

}  // namespace

BlockLayout LayoutOfBlock(const BlockShape& shape, const PassShape& pass) {
  BlockLayout layout;
  LayOutSaved(shape, pass, layout);
  LayOutDeferred(shape, pass, layout);
  LayOutScratch(shape, pass, layout);
  return layout;
}

HeadLayout LayoutOfHead(const HeadShape& shape, const PassShape& pass) {
  HeadLayout layout;
  layout.block_rows = HeadBlockRows(shape, pass);

  Regions saved(pass.precision);
  layout.losses = saved.TakeFloats(pass.tokens);
  layout.saved_bytes = saved.end();

  Regions deferred(pass.precision);
  layout.mean = deferred.TakeFloats(shape.centered_norm ? pass.tokens : 0);
  layout.rstd = deferred.TakeFloats(pass.tokens);
  layout.d_norm = deferred.Take(pass.tokens * shape.hidden);
  layout.deferred_bytes = deferred.end();

  Regions scratch(pass.precision);
  layout.logits = scratch.Take(layout.block_rows * shape.vocabulary);
  layout.norm = scratch.Take(layout.block_rows * shape.hidden);
  layout.scratch_bytes = scratch.end();
  return layout;
}

}  // namespace penstock
