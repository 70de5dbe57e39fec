#include "proto/gpt2_layout.h"

#include <algorithm>

namespace penstock {
namespace {

// Gives out float32 regions one after the other.
class Regions {
 public:
  int64_t Take(int64_t floats) { return TakeBytes(floats * 4); }

  int64_t TakeBytes(int64_t bytes) {
    const int64_t offset = end_;
    end_ += (bytes + 63) / 64 * 64;
    return offset;
  }

  int64_t end() const { return end_; }

 private:
  int64_t end_ = 0;
};

// Room for either way to do attention: one head at a time with its operands
// and gradients packed (7 padded [sequence, head_dim]), or all heads at once
// with an accumulator for one gradient and a float per row and head; plus
// blocks of scores.
int64_t AttentionScratchMax(const Gpt2Config& config, int64_t tokens) {
  const int64_t head_dim = config.hidden / config.heads;
  const int64_t one_head =
      7 * (config.sequence_length + 16) * (head_dim + 16) * 4;
  const int64_t all_heads = tokens * (config.hidden + config.heads) * 4;
  return std::max(one_head, all_heads) + (1 << 18);
}

void LayOutSaved(const Gpt2Config& config, int64_t n, int pieces,
                 BlockLayout& layout) {
  const int64_t h = config.hidden;
  Regions saved;
  layout.mean1 = saved.Take(n);
  layout.rstd1 = saved.Take(n);
  layout.qkv = saved.Take(n * 3 * h);
  layout.attention = saved.Take(n * h);
  layout.lse = saved.Take(n * config.heads);
  layout.middle = saved.Take(n * h);
  layout.mean2 = saved.Take(n);
  layout.rstd2 = saved.Take(n);
  layout.fc = saved.Take(n * 4 * h);
  if (pieces > 1) layout.later_d_kv = saved.Take(n * 2 * h);
  layout.saved_bytes = saved.end();
}

void LayOutDeferred(const Gpt2Config& config, int64_t n, BlockLayout& layout) {
  const int64_t h = config.hidden;
  Regions deferred;
  layout.d_fc = deferred.Take(n * 4 * h);
  layout.gelu = deferred.Take(n * 4 * h);
  layout.d_norm2 = deferred.Take(n * h);
  layout.d_middle = deferred.Take(n * h);
  layout.d_qkv = deferred.Take(n * 3 * h);
  layout.d_norm1 = deferred.Take(n * h);
  layout.deferred_bytes = deferred.end();
}

void LayOutScratch(const Gpt2Config& config, int64_t n, int pieces,
                   BlockLayout& layout) {
  const int64_t h = config.hidden;
  layout.attention_scratch_bytes = AttentionScratchMax(config, n);

  // The norm's output is used up by the product whose output the attention or
  // the GELU reads, so each of the three may have all of the memory.
  Regions norm;
  layout.norm = norm.Take(n * h);
  Regions gelu;
  layout.forward_gelu = gelu.Take(n * 4 * h);
  Regions attention;
  layout.forward_attention =
      attention.TakeBytes(layout.attention_scratch_bytes);
  const int64_t kv = pieces > 1 ? n * pieces * 2 * h : 0;
  layout.forward_kv = attention.Take(kv);

  Regions backward;
  layout.d_attention = backward.Take(n * h);
  layout.backward_attention =
      backward.TakeBytes(layout.attention_scratch_bytes);
  layout.backward_kv = backward.Take(kv);
  layout.backward_d_kv = backward.Take(kv);

  layout.scratch_bytes =
      std::max({norm.end(), gelu.end(), attention.end(), backward.end()});
}

// A block's logits should stay near the caches (2^22 floats are 16 MiB), but
// each block reads the whole head weight: below 128 rows that reading takes
// longer than the arithmetic.
int64_t HeadBlockRows(const Gpt2Config& config, int64_t tokens) {
  const int64_t rows = (int64_t{1} << 22) / config.vocabulary;
  return std::min(std::max<int64_t>(rows, 128), tokens);
}

}  // namespace

BlockLayout LayoutOfBlock(const Gpt2Config& config, int64_t tokens,
                          int pieces) {
  BlockLayout layout;
  LayOutSaved(config, tokens, pieces, layout);
  LayOutDeferred(config, tokens, layout);
  LayOutScratch(config, tokens, pieces, layout);
  return layout;
}

HeadLayout LayoutOfHead(const Gpt2Config& config, int64_t tokens) {
  HeadLayout layout;
  layout.block_rows = HeadBlockRows(config, tokens);

  Regions saved;
  layout.losses = saved.Take(tokens);
  layout.mean = saved.Take(tokens);
  layout.rstd = saved.Take(tokens);
  layout.d_norm = saved.Take(tokens * config.hidden);
  layout.saved_bytes = saved.end();

  Regions scratch;
  layout.logits = scratch.Take(layout.block_rows * config.vocabulary);
  layout.norm = scratch.Take(layout.block_rows * config.hidden);
  layout.block_losses = scratch.Take(layout.block_rows);
  layout.scratch_bytes = scratch.end();
  return layout;
}

}  // namespace penstock
