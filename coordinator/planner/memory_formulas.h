#ifndef COORDINATOR_PLANNER_MEMORY_FORMULAS_H_
#define COORDINATOR_PLANNER_MEMORY_FORMULAS_H_

#include <cstdint>

namespace penstock {

// The memory formulas of the field's papers, for models that need not be ours.
// Pure. All results are exact in double as long as they are below 2^53.

// Sizes are >= 1.
struct TransformerShape {
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t feed_forward = 0;  // Width of the MLP.
  bool gated = false;        // SwiGLU: three matrices, RMS norm, no biases.
  int64_t vocabulary = 0;
  int64_t positions = 0;  // Learned position embeddings; 0 for rotary ones.
  bool tied = false;      // The head is the embedding.
};

// Of one block: attention 2 + 2 kv / a times h^2, two or three h x f matrices,
// two norms, and, unless gated, the biases. GPT: 12 h^2 + 13 h.
int64_t LayerParameters(const TransformerShape& shape);
// Token and position embeddings.
int64_t EmbeddingParameters(const TransformerShape& shape);
// The last norm and, unless tied, the output matrix.
int64_t HeadParameters(const TransformerShape& shape);
int64_t ModelParameters(const TransformerShape& shape);

// How a block's activations are spread and thrown away (Korthikanti et al.
// 2022, table 2): over t tensor-parallel ranks, norms and dropouts too
// ("sequence"), attention's scores recomputed ("selective"), or all but the
// block's input ("full").
enum class ActivationPolicy {
  kNone,
  kTensor,
  kTensorSequence,
  kTensorSelective,
  kTensorSequenceSelective,
  kFull,
  kFullTensorSequence,
};

struct ActivationShape {
  int64_t sequence = 0;
  int64_t micro_batch = 0;
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t tensor = 1;  // t
};

// Bytes that one block keeps for one micro-batch: 16-bit activations, an MLP of
// 4 h with GELU, dropout.
double ActivationBytesPerLayer(const ActivationShape& shape,
                               ActivationPolicy policy);

// What the first of p ranks holds in relation to all blocks' activations of one
// micro-batch, with v > 1 stages per rank: 1 + (p - 1) / (p v); else 1.
double FirstRankShare(int64_t pipeline, int64_t stages_per_rank);

// Of s b V / t logits, in 16 bits, and the copy that the loss is taken from.
struct LogitsBytes {
  double half = 0;
  double single = 0;
};
LogitsBytes LogitsOf(const ActivationShape& shape, int64_t vocabulary);

// Bytes per parameter, and which of them data-parallel ranks share.
struct StateBytes {
  double weights = 0;
  double gradients = 0;
  double optimizer = 0;

  double total() const { return weights + gradients + optimizer; }
};

inline constexpr StateBytes kZeroPaper = {2, 2, 12};
inline constexpr StateBytes kMegatronHalf = {2, 2, 16};
inline constexpr StateBytes kMegatronMixed = {2, 4, 12};
inline constexpr StateBytes kSinglePrecision = {4, 4, 8};
inline constexpr StateBytes kUltraScale = {2, 2, 8};

// ZeRO (Rajbhandari et al. 2019): from stage 1 on `data` ranks share the
// optimizer's states, from 2 on the gradients too, in 3 the weights too.
// Megatron's distributed optimizer is stage 1.
StateBytes Sharded(const StateBytes& bytes, int zero_stage, int64_t data);

// Micro-batches that a stage of p holds at once, of m in a step.
int64_t InFlightGPipe(int64_t microbatches);
int64_t InFlight1F1B(int64_t pipeline, int64_t stage, int64_t microbatches);
// In stages of the rank's v: interleaved 1F1B with groups of p.
int64_t InFlightInterleaved(int64_t pipeline, int64_t rank,
                            int64_t stages_per_rank, int64_t microbatches);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_MEMORY_FORMULAS_H_
