#include "worker/model/embedding.h"

namespace penstock {

Embedding::Embedding(const Architecture& model, Backend& backend,
                     std::span<const LayerWeight> weights, int pieces)
    : vocabulary_(VocabularyOf(model)),
      hidden_(HiddenOf(model)),
      positions_(SequenceLengthOf(model)),
      sequence_(positions_ / pieces),
      backend_(backend),
      token_table_(weights[0]),
      position_table_(weights.size() > 1 ? std::optional(weights[1])
                                         : std::nullopt) {}

absl::Status Embedding::Forward(const LayerTokens& tokens, ConstTensor /*x*/,
                                Tensor y, const LayerMemory& memory) {
  ConstTensor positions;
  if (position_table_) {
    positions = OfPiece(position_table_->Matrix(positions_, hidden_), memory);
  }
  return backend_.Embedding(tokens.tokens, sequence_,
                            token_table_.Matrix(vocabulary_, hidden_),
                            positions, y);
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
  Tensor d_positions;
  if (position_table_) {
    d_positions = OfPiece(
        Float32(position_table_->gradient, positions_, hidden_), memory);
  }
  return backend_.EmbeddingBackward(
      tokens.tokens, sequence_, dy,
      Float32(token_table_.gradient, vocabulary_, hidden_), d_positions);
}

}  // namespace penstock
