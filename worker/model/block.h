#ifndef WORKER_MODEL_BLOCK_H_
#define WORKER_MODEL_BLOCK_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "proto/gpt2.h"
#include "proto/gpt2_layout.h"
#include "worker/model/layer.h"
#include "worker/model/linear.h"

namespace penstock {

// One pre-LN transformer block (Radford et al. 2019):
//   middle = x + attention(norm1(x) Wqkv + bqkv) Wo + bo
//   y = middle + gelu(norm2(middle) Wfc + bfc) Wproj + bproj
//
// Both norms' outputs and the GELU's are computed again where the backward pass
// needs them, which costs a pass over memory each and saves 6 of 15 [N, hidden]
// tensors a block.
//
// Where sequences are cut into pieces, attention of a piece reads the keys and
// values that the passes of earlier pieces saved, and its backward pass adds to
// what those have saved for their gradients: the gradient of a key is the sum
// of what the pieces after its own give, from the last one on, added to what
// its own gives.
//
// Thread-compatible.
class Block : public Layer {
 public:
  // `weights` as UnitParameters lists a block's.
  Block(const Gpt2Config& config, int64_t batch, Backend& backend,
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
  // What a pass finds where, by the layout.
  struct Saved {
    float* mean1;
    float* rstd1;
    Tensor qkv;
    Tensor attention;
    float* lse;
    Tensor middle;
    float* mean2;
    float* rstd2;
    Tensor fc;
    Tensor later_d_kv;
  };
  struct Deferred {
    Tensor d_fc;
    Tensor gelu;
    Tensor d_norm2;
    Tensor d_middle;
    Tensor d_qkv;
    Tensor d_norm1;
  };

  // An [N, cols] tensor at `offset`.
  Tensor At(std::byte* memory, int64_t offset, int64_t cols) const;
  Saved SavedIn(const LayerMemory& memory) const;
  Deferred DeferredIn(const LayerMemory& memory) const;

  // Keys and values side by side, [batch * (before + sequence), 2 hidden].
  struct KeysValues {
    AttentionShape shape;
    Tensor kv;
  };

  // Those of the pass, or of all pieces up to its own, gathered at `gathered`.
  absl::StatusOr<KeysValues> GatherKeysValues(const Saved& saved,
                                              const LayerMemory& memory,
                                              std::byte* gathered) const;
  // Hands out `d_kv`, the gradients of what was gathered: to later_d_kv of the
  // earlier pieces and, with what later ones gave, to the pass's own d_qkv.
  absl::Status ScatterGradients(const Saved& saved, const LayerMemory& memory,
                                Tensor d_kv, Tensor d_qkv) const;

  absl::Status CopyRows(Tensor from, Tensor to) const;

  absl::Status ForwardAttention(ConstTensor x, const Saved& saved,
                                const LayerMemory& memory) const;
  absl::Status ForwardMlp(const Saved& saved, Tensor y,
                          std::byte* scratch) const;
  absl::Status BackwardMlp(ConstTensor dy, const Saved& saved,
                           const Deferred& deferred) const;
  absl::Status BackwardAttention(ConstTensor x, Tensor dx, const Saved& saved,
                                 const Deferred& deferred,
                                 const LayerMemory& memory) const;

  const int pieces_;
  const int64_t tokens_;
  const int64_t hidden_;
  const AttentionShape shape_;
  const BlockLayout layout_;
  Backend& backend_;
  const LayerWeight gain1_;
  const LayerWeight bias1_;
  const Linear qkv_;
  const Linear attention_projection_;
  const LayerWeight gain2_;
  const LayerWeight bias2_;
  const Linear fc_;
  const Linear mlp_projection_;
};

}  // namespace penstock

#endif  // WORKER_MODEL_BLOCK_H_
