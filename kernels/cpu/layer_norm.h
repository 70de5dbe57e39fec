#ifndef KERNELS_CPU_LAYER_NORM_H_
#define KERNELS_CPU_LAYER_NORM_H_

#include "kernels/tensor.h"

namespace penstock::cpu {

// One row's statistics.
struct RowMoments {
  float mean;
  float rstd;
};

// See Backend. Mean and variance are taken in two passes over a row, which
// stays in the first-level cache between them.
void LayerNorm(ConstTensor x, const float* gain, const float* bias,
               float epsilon, Tensor out, float* mean, float* rstd);
void LayerNormApply(ConstTensor x, const float* mean, const float* rstd,
                    const float* gain, const float* bias, Tensor out);
void LayerNormBackwardInput(ConstTensor dout, ConstTensor x, const float* mean,
                            const float* rstd, const float* gain,
                            ConstTensor addend, Tensor dx);
void LayerNormBackwardWeight(ConstTensor dout, ConstTensor x, const float* mean,
                             const float* rstd, float* dgain, float* dbias);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_LAYER_NORM_H_
