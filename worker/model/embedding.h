#ifndef WORKER_MODEL_EMBEDDING_H_
#define WORKER_MODEL_EMBEDDING_H_

#include <iterator>
#include <optional>
#include <span>

#include "kernels/backend.h"
#include "proto/architecture.h"
#include "worker/model/layer.h"

namespace penstock {

// y[r] = token_table[token r] + position_table[position r], or without the
// latter. Needs no memory: the tokens are all that its weight gradient takes
// besides dy. Tied or not, its gradient of the token table is its own tensor.
//
// Thread-compatible.
class Embedding : public Layer {
 public:
  // `weights`: the token table and, if the model has one, the position table.
  Embedding(const Architecture& model, Backend& backend,
            std::span<const LayerWeight> weights, int pieces);

  absl::Status Forward(const LayerTokens& tokens, ConstTensor x, Tensor y,
                       const LayerMemory& memory) override;
  absl::Status BackwardInput(const LayerTokens& tokens, ConstTensor x,
                             ConstTensor dy, Tensor dx,
                             const LayerMemory& memory) override;
  absl::Status BackwardWeight(const LayerTokens& tokens, ConstTensor x,
                              ConstTensor dy,
                              const LayerMemory& memory) override;

 private:
  // The rows of a tensor shaped as the position table that belong to the pass's
  // piece.
  template <typename AnyTensor>
  AnyTensor OfPiece(const AnyTensor& table, const LayerMemory& memory) const {
    return Rows(table, std::ssize(memory.earlier) * sequence_, sequence_);
  }

  const int64_t vocabulary_;
  const int64_t hidden_;
  const int64_t positions_;  // Of whole sequences.
  const int64_t sequence_;   // Of a piece.
  Backend& backend_;
  const LayerWeight token_table_;
  const std::optional<LayerWeight> position_table_;
};

}  // namespace penstock

#endif  // WORKER_MODEL_EMBEDDING_H_
