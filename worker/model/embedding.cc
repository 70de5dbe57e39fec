#include "worker/model/embedding.h"

namespace penstock {

Embedding::Embedding(const Gpt2Config& config, Backend& backend,
                     std::span<const LayerWeight> weights)
    : config_(config),
      backend_(backend),
      token_table_(weights[0]),
      position_table_(weights[1]) {}

absl::Status Embedding::Forward(const LayerTokens& tokens, ConstTensor /*x*/,
                                Tensor y, const LayerMemory& /*memory*/) {
  return backend_.Embedding(
      tokens.tokens, config_.sequence_length,
      Float32(token_table_.value, config_.vocabulary, config_.hidden),
      Float32(position_table_.value, config_.sequence_length, config_.hidden),
      y);
}

absl::Status Embedding::BackwardInput(const LayerTokens& /*tokens*/,
                                      ConstTensor /*x*/, ConstTensor /*dy*/,
                                      Tensor /*dx*/,
                                      const LayerMemory& /*memory*/) {
  return absl::OkStatus();  // Tokens have no gradient.
}

absl::Status Embedding::BackwardWeight(const LayerTokens& tokens,
                                       ConstTensor /*x*/, ConstTensor dy,
                                       const LayerMemory& /*memory*/) {
  return backend_.EmbeddingBackward(
      tokens.tokens, config_.sequence_length, dy,
      Float32(token_table_.gradient, config_.vocabulary, config_.hidden),
      Float32(position_table_.gradient, config_.sequence_length,
              config_.hidden));
}

}  // namespace penstock
