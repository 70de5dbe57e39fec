#ifndef WORKER_MODEL_LLAMA_BLOCK_H_
#define WORKER_MODEL_LLAMA_BLOCK_H_

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/backend.h"
#include "proto/llama.h"
#include "proto/unit_layout.h"
#include "worker/model/attention.h"
#include "worker/model/block_memory.h"
#include "worker/model/layer.h"
#include "worker/model/linear.h"
#include "worker/model/norm.h"

namespace penstock {

// One block of a Llama (Touvron et al. 2023):
//   n = norm1(x);  q, k, v = rope(n Wq'), rope(n Wk'), n Wv'
//   middle = x + attention(q, k, v) Wo'
//   m = norm2(middle);  y = middle + (silu(m Wgate') * (m Wup')) Wdown'
//
// Both norms' outputs and the activation are computed again where the backward
// pass needs them. Queries and keys are saved as they were turned, so that
// later pieces of a sequence attend to them as they are.
//
// Thread-compatible.
class LlamaBlock : public Layer {
 public:
  // `weights` as UnitParameters lists a block's.
  LlamaBlock(const LlamaConfig& config, const PassShape& pass, Backend& backend,
             std::span<const LayerWeight> weights);

  absl::Status Forward(const LayerTokens& tokens, ConstTensor x, Tensor y,
                       const LayerMemory& memory) override;
  absl::Status BackwardInput(const LayerTokens& tokens, ConstTensor x,
                             ConstTensor dy, Tensor dx,
                             const LayerMemory& memory) override;
  absl::Status BackwardWeight(const LayerTokens& tokens, ConstTensor x,
                              ConstTensor dy,
                              const LayerMemory& memory) override;

 private:
  // The parts of a tensor [N, qkv_width], and those that turn together.
  Tensor QueriesOf(const Tensor& qkv) const;
  Tensor KeysOf(const Tensor& qkv) const;
  Tensor ValuesOf(const Tensor& qkv) const;
  Tensor TurningOf(const Tensor& qkv) const;
  // The parts of a tensor [N, 2 intermediate].
  Tensor GateOf(const Tensor& mlp_in) const;
  Tensor UpOf(const Tensor& mlp_in) const;

  // Of the pass's piece.
  RopeShape RopeOf(const LayerMemory& memory) const;

  absl::Status BackwardMlp(ConstTensor dy, const BlockMemory::Saved& saved,
                           const BlockMemory::Deferred& deferred) const;
  absl::Status BackwardQkv(const Tensor& d_qkv, Tensor d_norm) const;

  const BlockMemory memory_;
  const int64_t sequence_;  // Of a piece.
  const std::vector<double> frequencies_;
  Backend& backend_;
  const Norm norm1_;
  const Linear q_;
  const Linear k_;
  const Linear v_;
  const Attention attention_;
  const Linear o_;
  const Norm norm2_;
  const Linear gate_;
  const Linear up_;
  const Linear down_;
};

}  // namespace penstock

#endif  // WORKER_MODEL_LLAMA_BLOCK_H_
