#include "worker/model/linear.h"

#include "proto/base/status_macros.h"

namespace penstock {

absl::Status Linear::Forward(ConstTensor x, ConstTensor addend,
                             Tensor y) const {
  return backend_.Matmul({.a = x,
                          .b = Float32(weight_.value, in_, out_),
                          .c = y,
                          .bias = bias_.value,
                          .addend = addend});
}

absl::Status Linear::BackwardInput(ConstTensor dy, Tensor dx) const {
  return backend_.Matmul({.a = dy,
                          .b = Float32(weight_.value, in_, out_),
                          .c = dx,
                          .transpose_b = true});
}

absl::Status Linear::BackwardWeight(ConstTensor x, ConstTensor dy) const {
  RETURN_IF_ERROR(backend_.Matmul({.a = x,
                                   .b = dy,
                                   .c = Float32(weight_.gradient, in_, out_),
                                   .transpose_a = true,
                                   .accumulate = true}));
  return backend_.ColumnSums(dy, bias_.gradient);
}

}  // namespace penstock
