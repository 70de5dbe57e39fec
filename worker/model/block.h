#ifndef WORKER_MODEL_BLOCK_H_
#define WORKER_MODEL_BLOCK_H_

#include <cstdint>
#include <span>

#include "kernels/backend.h"
#include "proto/gpt2.h"
#include "proto/unit_layout.h"
#include "worker/model/attention.h"
#include "worker/model/block_memory.h"
#include "worker/model/layer.h"
#include "worker/model/linear.h"
#include "worker/model/norm.h"

namespace penstock {

// One pre-LN transformer block of a GPT-2 (Radford et al. 2019):
//   middle = x + attention(norm1(x) Wqkv + bqkv) Wo + bo
//   y = middle + gelu(norm2(middle) Wfc + bfc) Wproj + bproj
//
// Both norms' outputs and the GELU's are computed again in the backward pass,
// where their inputs are read anyway; that saves 6 of 15 [N, hidden] tensors a
// block.
//
// Thread-compatible.
class Block : public Layer {
 public:
  // `weights` as UnitParameters lists a block's.
  Block(const Gpt2Config& config, const PassShape& pass, Backend& backend,
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
  const BlockMemory memory_;
  Backend& backend_;
  const Norm norm1_;
  const Linear qkv_;
  const Attention attention_;
  const Linear attention_projection_;
  const Norm norm2_;
  const Linear fc_;
  const Linear mlp_projection_;
};

}  // namespace penstock

#endif  // WORKER_MODEL_BLOCK_H_
