#ifndef KERNELS_CPU_REDUCTIONS_H_
#define KERNELS_CPU_REDUCTIONS_H_

#include "kernels/tensor.h"

namespace penstock::cpu {

// See Backend.
void ColumnSums(ConstTensor x, float* sums);
void Accumulate(const float* x, int64_t count, float* out);
double SumOfSquares(const float* x, int64_t count);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_REDUCTIONS_H_
