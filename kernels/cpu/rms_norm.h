#ifndef KERNELS_CPU_RMS_NORM_H_
#define KERNELS_CPU_RMS_NORM_H_

#include "kernels/tensor.h"

namespace penstock::cpu {

// See Backend.
void RmsNorm(ConstTensor x, const float* gain, float epsilon, Tensor out,
             float* rstd);
void RmsNormApply(ConstTensor x, const float* rstd, const float* gain,
                  Tensor out);
void RmsNormBackwardInput(ConstTensor dout, ConstTensor x, const float* rstd,
                          const float* gain, ConstTensor addend, Tensor dx);
void RmsNormBackwardWeight(ConstTensor dout, ConstTensor x, const float* rstd,
                           float* dgain);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_RMS_NORM_H_
