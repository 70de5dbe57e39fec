#include "proto/cuda_attention.h"

namespace penstock {
namespace {

// Of each part's end, and what cuDNN's kernels want besides.
constexpr int64_t kSlackBytes = int64_t{64} << 10;

// Probabilities are kept in whole tiles.
int64_t Tiled(int64_t length) { return (length + 127) / 128 * 128; }

// Of the backward pass beside delta and shared heads. The sum of dq is the
// backend's; before Hopper cuDNN has another one.
int64_t PassBytes(const CudaAttention& attention) {
  const int64_t heads = attention.batch * attention.heads;
  if (attention.deterministic) {
    return heads * Tiled(attention.sequence) * Tiled(attention.keys) * 2;
  }
  return 2 * heads * attention.sequence * attention.head_dim * 4;
}

}  // namespace

int64_t CudaAttentionBytes(const CudaAttention& attention) {
  const int64_t heads = attention.batch * attention.heads;
  const int64_t delta = heads * attention.sequence * 4;
  const int64_t shared =
      attention.kv_heads == attention.heads
          ? 0
          : 2 * heads * attention.keys * attention.head_dim * 2;
  return delta + PassBytes(attention) + shared + kSlackBytes;
}

}  // namespace penstock
