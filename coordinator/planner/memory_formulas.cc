#include "coordinator/planner/memory_formulas.h"

#include <algorithm>

namespace penstock {
namespace {

double Real(int64_t value) { return static_cast<double>(value); }

}  // namespace

int64_t LayerParameters(const TransformerShape& shape) {
  const int64_t h = shape.hidden;
  const int64_t kv = h / shape.heads * shape.kv_heads;
  const int64_t attention = 2 * h * h + 2 * h * kv;
  const int64_t mlp = (shape.gated ? 3 : 2) * h * shape.feed_forward;
  const int64_t norms = (shape.gated ? 2 : 4) * h;
  const int64_t biases = shape.gated ? 0 : 3 * h + 2 * kv + shape.feed_forward;
  return attention + mlp + norms + biases;
}

int64_t EmbeddingParameters(const TransformerShape& shape) {
  return (shape.vocabulary + shape.positions) * shape.hidden;
}

int64_t HeadParameters(const TransformerShape& shape) {
  return (shape.gated ? 1 : 2) * shape.hidden +
         (shape.tied ? 0 : shape.vocabulary * shape.hidden);
}

int64_t ModelParameters(const TransformerShape& shape) {
  return EmbeddingParameters(shape) + shape.layers * LayerParameters(shape) +
         HeadParameters(shape);
}

double ActivationBytesPerLayer(const ActivationShape& shape,
                               ActivationPolicy policy) {
  const double sbh =
      Real(shape.sequence) * Real(shape.micro_batch) * Real(shape.hidden);
  const double t = Real(shape.tensor);
  const double scores = 5.0 * Real(shape.heads) * Real(shape.sequence) *
                        Real(shape.sequence) * Real(shape.micro_batch);
  switch (policy) {
    case ActivationPolicy::kNone:
      return 34 * sbh + scores;
    case ActivationPolicy::kTensor:
      return 10 * sbh + (24 * sbh + scores) / t;
    case ActivationPolicy::kTensorSequence:
      return (34 * sbh + scores) / t;
    case ActivationPolicy::kTensorSelective:
      return 10 * sbh + 24 * sbh / t;
    case ActivationPolicy::kTensorSequenceSelective:
      return 34 * sbh / t;
    case ActivationPolicy::kFull:
      return 2 * sbh;
    case ActivationPolicy::kFullTensorSequence:
      return 2 * sbh / t;
  }
  return 0;
}

double FirstRankShare(int64_t pipeline, int64_t stages_per_rank) {
  if (stages_per_rank <= 1) return 1;
  return 1 + Real(pipeline - 1) / Real(pipeline * stages_per_rank);
}

LogitsBytes LogitsOf(const ActivationShape& shape, int64_t vocabulary) {
  const double logits = Real(shape.sequence) * Real(shape.micro_batch) *
                        Real(vocabulary) / Real(shape.tensor);
  return {.half = 2 * logits, .single = 4 * logits};
}

StateBytes Sharded(const StateBytes& bytes, int zero_stage, int64_t data) {
  const double d = Real(data);
  return {.weights = zero_stage >= 3 ? bytes.weights / d : bytes.weights,
          .gradients = zero_stage >= 2 ? bytes.gradients / d : bytes.gradients,
          .optimizer = zero_stage >= 1 ? bytes.optimizer / d : bytes.optimizer};
}

int64_t InFlightGPipe(int64_t microbatches) { return microbatches; }

int64_t InFlight1F1B(int64_t pipeline, int64_t stage, int64_t microbatches) {
  return std::min(pipeline - stage, microbatches);
}

int64_t InFlightInterleaved(int64_t pipeline, int64_t rank,
                            int64_t stages_per_rank, int64_t microbatches) {
  return std::min(
      microbatches * stages_per_rank,
      2 * (pipeline - rank - 1) + (stages_per_rank - 1) * pipeline + 1);
}

}  // namespace penstock
