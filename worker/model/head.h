#ifndef WORKER_MODEL_HEAD_H_
#define WORKER_MODEL_HEAD_H_

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/backend.h"
#include "proto/precision.h"
#include "proto/unit_layout.h"
#include "worker/model/layer.h"
#include "worker/model/norm.h"

namespace penstock {

// The model's end: loss = sum over rows of cross_entropy(norm(x) W', label).
// The logits of `block_rows` tokens exist at a time (proto/unit_layout.h).
//
// The loss's scale is known before the step, so Forward goes on to the gradient
// with respect to the norm's output while it has the logits, and the
// input-gradient pass is only the norm's. The weight-gradient pass computes the
// logits once more.
//
// W is the token table when tied, lm_head when not; both are [vocabulary,
// hidden], and its gradient is the head's own tensor in either case: the sum
// over embedding and head is then the same two tensors' at any pipeline width.
//
// Thread-compatible.
class Head : public Layer {
 public:
  // `weight` is W. Gradients are those of loss_scale * loss.
  Head(const HeadShape& shape, int64_t tokens, Backend& backend,
       const Norm& norm, const LayerWeight& weight, float loss_scale,
       Precision precision);

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
  // Makes `logits` the scaled loss's gradient with respect to them.
  absl::Status LogitsGradient(ConstTensor norm, const int32_t* labels,
                              float* losses, Tensor logits) const;
  absl::Status ForwardRows(const LayerTokens& tokens, ConstTensor x,
                           int64_t begin, int64_t rows,
                           const LayerMemory& memory) const;
  absl::Status BackwardWeightRows(const LayerTokens& tokens, ConstTensor x,
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
