#include "worker/model/embedding.h"

namespace penstock {

Embedding::Embedding(const Gpt2Config& config, Backend& backend,
                     std::span<const LayerWeight> weights, int pieces)
    : config_(config),
      sequence_(config.sequence_length / pieces),
      backend_(backend),
      token_table_(weights[0]),
      position_table_(weights[1]) {}

Tensor Embedding::Positions(float* table, const LayerMemory& memory) const {
  const int64_t begin = std::ssize(memory.earlier) * sequence_;
  return Float32(table + begin * config_.hidden, sequence_, config_.hidden);
}

absl::Status Embedding::Forward(const LayerTokens& tokens, ConstTensor /*x*/,
                                Tensor y, const LayerMemory& memory) {
  return backend_.Embedding(
      tokens.tokens, sequence_,
      Float32(token_table_.value, config_.vocabulary, config_.hidden),
      Positions(position_table_.value, memory), y);
}

absl::Status Embedding::BackwardInput(const LayerTokens& /*tokens*/,
                                      ConstTensor /*x*/, ConstTensor /*dy*/,
                                      Tensor /*dx*/,
                                      const LayerMemory& /*memory*/) {
  return absl::OkStatus();  // Tokens have no gradient.
}

absl::Status Embedding::BackwardWeight(const LayerTokens& tokens,
                                       ConstTensor /*x*/, ConstTensor dy,
                                       const LayerMemory& memory) {
  return backend_.EmbeddingBackward(
      tokens.tokens, sequence_, dy,
      Float32(token_table_.gradient, config_.vocabulary, config_.hidden),
      Positions(position_table_.gradient, memory));
}

}  // namespace penstock
