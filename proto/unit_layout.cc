#include "proto/unit_layout.h"

#include <algorithm>

namespace penstock {
namespace {

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

void LayOutSaved(const BlockShape& shape, int64_t n, int pieces,
                 Precision precision, BlockLayout& layout) {
  Regions saved(precision);
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
  if (pieces > 1) {
    layout.later_d_kv = saved.TakeFloats(n * 2 * shape.kv_width());
  }
  layout.saved_bytes = saved.end();
}

void LayOutDeferred(const BlockShape& shape, int64_t n, Precision precision,
                    BlockLayout& layout) {
  Regions deferred(precision);
  const int64_t h = shape.hidden;
  layout.d_mlp_in = deferred.Take(n * shape.mlp_in_width());
  layout.activation = deferred.Take(n * shape.mlp);
  layout.d_norm2 = deferred.Take(n * h);
  layout.d_middle = deferred.Take(n * h);
  layout.d_qkv = deferred.Take(n * shape.qkv_width());
  layout.d_norm1 = deferred.Take(n * h);
  layout.deferred_bytes = deferred.end();
}

void LayOutScratch(const BlockShape& shape, int64_t n, int pieces,
                   Precision precision, BlockLayout& layout) {
  layout.attention_scratch_bytes = AttentionScratchMax(shape, n);

  // The norm's output is used up by the product whose output the attention or
  // the activation reads, so each of the three may have all of the memory.
  Regions norm(precision);
  layout.norm = norm.Take(n * shape.hidden);
  Regions activation(precision);
  layout.forward_activation = activation.Take(n * shape.mlp);
  Regions attention(precision);
  layout.forward_attention =
      attention.TakeBytes(layout.attention_scratch_bytes);
  const int64_t kv = pieces > 1 ? n * pieces * 2 * shape.kv_width() : 0;
  layout.forward_kv = attention.Take(kv);

  Regions backward(precision);
  layout.d_attention = backward.Take(n * shape.q_width());
  layout.backward_attention =
      backward.TakeBytes(layout.attention_scratch_bytes);
  layout.backward_kv = backward.Take(kv);
  layout.backward_d_kv = backward.Take(kv);

  layout.scratch_bytes =
      std::max({norm.end(), activation.end(), attention.end(), backward.end()});
}

// A block's logits should stay near the caches (2^22 floats are 16 MiB), but
// each block reads the whole head weight: below 128 rows that reading takes
// longer than the arithmetic.
int64_t HeadBlockRows(const HeadShape& shape, int64_t tokens) {
  const int64_t rows = (int64_t{1} << 22) / shape.vocabulary;
  return std::min(std::max<int64_t>(rows, 128), tokens);
}

}  // namespace

BlockLayout LayoutOfBlock(const BlockShape& shape, int64_t tokens, int pieces,
                          Precision precision) {
  BlockLayout layout;
  LayOutSaved(shape, tokens, pieces, precision, layout);
  LayOutDeferred(shape, tokens, precision, layout);
  LayOutScratch(shape, tokens, pieces, precision, layout);
  return layout;
}

HeadLayout LayoutOfHead(const HeadShape& shape, int64_t tokens,
                        Precision precision) {
  HeadLayout layout;
  layout.block_rows = HeadBlockRows(shape, tokens);

  Regions saved(precision);
  layout.losses = saved.TakeFloats(tokens);
  layout.mean = saved.TakeFloats(shape.centered_norm ? tokens : 0);
  layout.rstd = saved.TakeFloats(tokens);
  layout.d_norm = saved.Take(tokens * shape.hidden);
  layout.saved_bytes = saved.end();

  Regions scratch(precision);
  layout.logits = scratch.Take(layout.block_rows * shape.vocabulary);
  layout.norm = scratch.Take(layout.block_rows * shape.hidden);
  layout.block_losses = scratch.TakeFloats(layout.block_rows);
  layout.scratch_bytes = scratch.end();
  return layout;
}

}  // namespace penstock
