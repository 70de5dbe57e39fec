#include "worker/model/embedding.h"

namespace penstock {

Embedding::Embedding(const Architecture& model, Backend& backend,
                     std::span<const LayerWeight> weights, int pieces)
    : vocabulary_(VocabularyOf(model)),
      hidden_(HiddenOf(model)),
      sequence_(SequenceLengthOf(model) / pieces),
      backend_(backend),
      token_table_(weights[0]),
      position_table_(weights.size() > 1 ? weights[1] : LayerWeight()) {}

Tensor Embedding::Tokens(float* table) const {
  return Float32(table, vocabulary_, hidden_);
}

Tensor Embedding::Positions(float* table, const LayerMemory& memory) const {
  if (table == nullptr) return {};
  const int64_t begin = std::ssize(memory.earlier) * sequence_;
  return Float32(table + begin * hidden_, sequence_, hidden_);
}

absl::Status Embedding::Forward(const LayerTokens& tokens, ConstTensor /*x*/,
                                Tensor y, const LayerMemory& memory) {
  return backend_.Embedding(tokens.tokens, sequence_,
                            Tokens(token_table_.value),
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
      tokens.tokens, sequence_, dy, Tokens(token_table_.gradient),
      Positions(position_table_.gradient, memory));
}

}  // namespace penstock
