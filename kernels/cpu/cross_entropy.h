#ifndef KERNELS_CPU_CROSS_ENTROPY_H_
#define KERNELS_CPU_CROSS_ENTROPY_H_

#include "kernels/tensor.h"

namespace penstock::cpu {

// See Backend. Labels must be below the columns of logits.
void CrossEntropy(Tensor logits, const int32_t* labels, float scale,
                  float* losses);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_CROSS_ENTROPY_H_
