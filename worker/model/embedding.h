#ifndef WORKER_MODEL_EMBEDDING_H_
#define WORKER_MODEL_EMBEDDING_H_

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
  Tensor Tokens(float* table) const;
  // The rows of a position table that belong to the pass's piece; null data
  // without one.
  Tensor Positions(float* table, const LayerMemory& memory) const;

  const int64_t vocabulary_;
  const int64_t hidden_;
  const int64_t sequence_;  // Of a piece.
  Backend& backend_;
  const LayerWeight token_table_;
  const LayerWeight position_table_;  // Null without.
};

}  // namespace penstock

#endif  // WORKER_MODEL_EMBEDDING_H_
