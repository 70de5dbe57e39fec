#include "worker/model/linear.h"

#include "proto/base/status_macros.h"

namespace penstock {

absl::Status Linear::Forward(ConstTensor x, ConstTensor addend,
                             Tensor y) const {
  return backend_.Matmul({.a = x,
                          .b = weight_.Matrix(rows(), cols()),
                          .c = y,
                          .transpose_b = !bias_.has_value(),
                          .bias = bias_ ? bias_->value : nullptr,
                          .addend = addend});
}

absl::Status Linear::BackwardInput(ConstTensor dy, ConstTensor addend,
                                   Tensor dx) const {
  return backend_.Matmul({.a = dy,
                          .b = weight_.Matrix(rows(), cols()),
                          .c = dx,
                          .transpose_b = bias_.has_value(),
                          .addend = addend});
}

absl::Status Linear::BackwardMatrix(ConstTensor x, ConstTensor dy) const {
  return backend_.Matmul({.a = bias_ ? x : dy,
                          .b = bias_ ? dy : x,
                          .c = Float32(weight_.gradient, rows(), cols()),
                          .transpose_a = true,
                          .accumulate = true});
}

absl::Status Linear::BackwardWeight(ConstTensor x, ConstTensor dy) const {
  RETURN_IF_ERROR(BackwardMatrix(x, dy));
  if (!bias_) return absl::OkStatus();
  return backend_.ColumnSums(dy, bias_->gradient);
}

}  // namespace penstock
