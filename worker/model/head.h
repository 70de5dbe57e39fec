#ifndef WORKER_MODEL_HEAD_H_
#define WORKER_MODEL_HEAD_H_

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/backend.h"
#include "proto/unit_layout.h"
#include "worker/model/layer.h"
#include "worker/model/norm.h"

namespace penstock {

// The model's end: loss = sum over rows of cross_entropy(norm(x) W', label).
//
// The logits of `block_rows` tokens exist at a time (proto/unit_layout.h), and
// once: the input-gradient pass makes them, the loss, their gradient and all
// three products of it. So the forward pass has nothing to do and the loss is
// known after the input-gradient pass, and W's gradient is summed in the order
// of those. Only the norm's is left for the weight-gradient pass.
//
// W is the token table when tied, lm_head when not; both are [vocabulary,
// hidden], and its gradient is the head's own tensor in either case: the sum
// over embedding and head is then the same two tensors' at any pipeline width.
//
// Thread-compatible.
class Head : public Layer {
 public:
  // `weight` is W. Gradients are those of loss_scale * loss.
  Head(const HeadShape& shape, const PassShape& pass, Backend& backend,
       const Norm& norm, const LayerWeight& weight, float loss_scale);

  absl::Status Forward(const LayerTokens& tokens, ConstTensor x, Tensor y,
                       const LayerMemory& memory) override;
  absl::Status BackwardInput(const LayerTokens& tokens, ConstTensor x,
                             ConstTensor dy, Tensor dx,
                             const LayerMemory& memory) override;
  absl::Status BackwardWeight(const LayerTokens& tokens, ConstTensor x,
                              ConstTensor dy,
                              const LayerMemory& memory) override;

  // Adds the float32 losses up in double, in row order.
  absl::StatusOr<double> LossSum(const LayerMemory& memory) override;

 private:
  // A [rows, cols] tensor.
  Tensor At(std::byte* memory, int64_t rows, int64_t cols) const {
    return {memory, rows, cols, cols, type_};
  }
  // Of the rows from `begin` on.
  NormStatistics StatisticsOf(const LayerMemory& memory,
                              int64_t begin = 0) const;
  Tensor DNorm(const LayerMemory& memory) const;
  // Loss, d_norm and W's gradient of `rows` rows from `begin` on.
  absl::Status BackwardRows(const LayerTokens& tokens, ConstTensor x,
                            int64_t begin, int64_t rows,
                            const LayerMemory& memory) const;

  const int64_t tokens_;
  const int64_t hidden_;
  const int64_t vocabulary_;
  const DataType type_;  // Of logits, the norm's output and its gradient.
  const HeadLayout layout_;
  Backend& backend_;
  const Norm norm_;
  const LayerWeight weight_;
  const float loss_scale_;
  std::vector<float> losses_;  // On the host; filled by LossSum only.
};

}  // namespace penstock

#endif  // WORKER_MODEL_HEAD_H_
