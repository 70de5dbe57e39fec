#include "worker/model/norm.h"

namespace penstock {

absl::Status Norm::Forward(ConstTensor x, Tensor out,
                           const NormStatistics& statistics) const {
  if (!bias_) {
    return backend_.RmsNorm(x, gain_.value, epsilon_, out, statistics.rstd);
  }
  return backend_.LayerNorm(x, gain_.value, bias_->value, epsilon_, out,
                            statistics.mean, statistics.rstd);
}

absl::Status Norm::BackwardInput(ConstTensor dout, ConstTensor x,
                                 const NormStatistics& statistics,
                                 ConstTensor addend, Tensor dx) const {
  if (!bias_) {
    return backend_.RmsNormBackwardInput(dout, x, statistics.rstd, gain_.value,
                                         addend, dx);
  }
  return backend_.LayerNormBackwardInput(
      dout, x, statistics.mean, statistics.rstd, gain_.value, addend, dx);
}

absl::Status Norm::BackwardWeight(ConstTensor dout, ConstTensor x,
                                  const NormStatistics& statistics,
                                  Tensor out) const {
  if (!bias_) {
    return backend_.RmsNormBackwardWeight(dout, x, statistics.rstd, gain_.value,
                                          out, gain_.gradient);
  }
  return backend_.LayerNormBackwardWeight(
      dout, x, statistics.mean, statistics.rstd, gain_.value, bias_->value, out,
      gain_.gradient, bias_->gradient);
}

}  // namespace penstock
