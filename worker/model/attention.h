#ifndef WORKER_MODEL_ATTENTION_H_
#define WORKER_MODEL_ATTENTION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "proto/unit_layout.h"
#include "worker/model/block_memory.h"
#include "worker/model/layer.h"

namespace penstock {

// A block's attention between its projections, over whole sequences or pieces
// of them.
//
// Where sequences are cut into pieces, attention of a piece reads the keys and
// values that the passes of earlier pieces saved, and its backward pass adds to
// what those have saved for their gradients: the gradient of a key is the sum
// of what the pieces after its own give, from the last one on, added to what
// its own gives.
//
// Thread-compatible. Errors of every method: those of the Backend.
class Attention {
 public:
  // `memory` outlives the object.
  Attention(const BlockMemory& memory, int pieces, Backend& backend);

  // Computes the saved attention and lse from the saved qkv.
  absl::Status Forward(const LayerMemory& memory) const;

  // Computes the deferred d_qkv from d_attention in scratch memory.
  absl::Status Backward(const LayerMemory& memory) const;

 private:
  // Keys and values side by side, [batch * (before + sequence), 2 kv_width].
  struct KeysValues {
    AttentionShape shape;
    Tensor kv;
  };

  // The columns of k and v of a tensor [N, qkv_width].
  Tensor KeysValuesOf(const Tensor& qkv) const;
  // Those of the pass, or of all pieces up to its own, gathered at `gathered`.
  absl::StatusOr<KeysValues> Gather(const BlockMemory::Saved& saved,
                                    const LayerMemory& memory,
                                    std::byte* gathered) const;
  // Hands out `d_kv`, the gradients of what was gathered: to later_d_kv of the
  // earlier pieces and, with what later ones gave, to the pass's own d_qkv.
  absl::Status Scatter(const BlockMemory::Saved& saved,
                       const LayerMemory& memory, Tensor d_kv,
                       Tensor d_qkv) const;
  // to += from; `to` is float32.
  absl::Status AddRows(Tensor from, Tensor to) const;
  absl::Status CopyRows(Tensor from, Tensor to) const;

  const BlockMemory& memory_;
  const int pieces_;
  const AttentionShape shape_;
  const int64_t q_width_;
  const int64_t kv_width_;
  Backend& backend_;
};

}  // namespace penstock

#endif  // WORKER_MODEL_ATTENTION_H_
