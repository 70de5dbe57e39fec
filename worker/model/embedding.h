#ifndef WORKER_MODEL_EMBEDDING_H_
#define WORKER_MODEL_EMBEDDING_H_

#include <span>

#include "kernels/backend.h"
#include "proto/gpt2.h"
#include "worker/model/layer.h"

namespace penstock {

// y[r] = wte[token r] + wpe[position r]. Needs no memory: the tokens are all
// that its weight gradient takes besides dy. Tied or not, its gradient of wte
// is its own tensor.
//
// Thread-compatible.
class Embedding : public Layer {
 public:
  // `weights`: wte, wpe.
  Embedding(const Gpt2Config& config, Backend& backend,
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
  // The rows of a position table that belong to the pass's piece.
  Tensor Positions(float* table, const LayerMemory& memory) const;

  const Gpt2Config config_;
  const int64_t sequence_;  // Of a piece.
  Backend& backend_;
  const LayerWeight token_table_;
  const LayerWeight position_table_;
};

}  // namespace penstock

#endif  // WORKER_MODEL_EMBEDDING_H_
