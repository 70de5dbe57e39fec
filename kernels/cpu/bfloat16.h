#ifndef KERNELS_CPU_BFLOAT16_H_
#define KERNELS_CPU_BFLOAT16_H_

#include "kernels/tensor.h"

namespace penstock::cpu {

// to = from, of the same shape; one is float32, the other bfloat16. Exact to
// float32; to bfloat16 rounded to the nearest, ties to even, and NaN stays NaN.
void Convert(ConstTensor from, Tensor to);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_BFLOAT16_H_
