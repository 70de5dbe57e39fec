#ifndef WORKER_MODEL_BLOCK_MEMORY_H_
#define WORKER_MODEL_BLOCK_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "kernels/tensor.h"
#include "proto/unit_layout.h"
#include "worker/model/layer.h"
#include "worker/model/norm.h"

namespace penstock {

// What the passes of a block find where, by its layout; see BlockLayout for
// shapes and lifetimes. Immutable.
class BlockMemory {
 public:
  struct Saved {
    NormStatistics norm1;
    Tensor qkv;
    Tensor attention;
    float* lse;
    Tensor middle;
    NormStatistics norm2;
    Tensor mlp_in;
    Tensor later_d_kv;
  };
  struct Deferred {
    Tensor d_mlp_in;
    Tensor activation;
    Tensor d_norm2;
    Tensor d_middle;
    Tensor d_qkv;
    Tensor d_norm1;
  };

  BlockMemory(const BlockShape& shape, const PassShape& pass)
      : shape_(shape),
        tokens_(pass.tokens),
        type_(TypeOf(pass.precision)),
        layout_(LayoutOfBlock(shape, pass)) {}

  const BlockShape& shape() const { return shape_; }
  const BlockLayout& layout() const { return layout_; }
  int64_t tokens() const { return tokens_; }
  // Of all tensors but later_d_kv, which is float32.
  DataType type() const { return type_; }

  // In what the forward pass of this or an earlier piece saved.
  Saved SavedIn(std::byte* saved) const;
  Deferred DeferredIn(std::byte* deferred) const;

  // In scratch memory; see BlockLayout for which live together.
  Tensor Norm(std::byte* scratch) const;
  Tensor ForwardActivation(std::byte* scratch) const;
  Tensor DAttention(std::byte* scratch) const;

 private:
  // An [N, cols] tensor at `offset`.
  Tensor At(std::byte* memory, int64_t offset, int64_t cols) const {
    return {memory + offset, tokens_, cols, cols, type_};
  }

  const BlockShape shape_;
  const int64_t tokens_;
  const DataType type_;
  const BlockLayout layout_;
};

}  // namespace penstock

#endif  // WORKER_MODEL_BLOCK_MEMORY_H_
