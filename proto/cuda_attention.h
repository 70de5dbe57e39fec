#ifndef PROTO_CUDA_ATTENTION_H_
#define PROTO_CUDA_ATTENTION_H_

#include <cstdint>

namespace penstock {

// Causal attention of one micro-batch, or of a piece of it, in bfloat16 on a
// CUDA device.
struct CudaAttention {
  int64_t batch = 0;
  int64_t sequence = 0;  // Queries of a sample.
  int64_t keys = 0;      // Of a sample; more than queries for later pieces.
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  bool deterministic = true;  // As AttentionForm.
};

// At most so many bytes of the device does the backend keep for it, beside the
// rank's arena and once for all layers: for each row delta in float32, and
// either cuDNN's bfloat16 probabilities (deterministic) or float32 sums of dq;
// and the gradients of k and v for every head where heads share them. Of what
// cuDNN 9.19 says for its best engines (tests/gpu/attention_memory_test.cc).
// In float32 nothing is kept.
int64_t CudaAttentionBytes(const CudaAttention& attention);

}  // namespace penstock

#endif  // PROTO_CUDA_ATTENTION_H_
