#ifndef KERNELS_CPU_GELU_H_
#define KERNELS_CPU_GELU_H_

#include "kernels/tensor.h"

namespace penstock::cpu {

// See Backend. Computed as x * sigmoid(2 u), which equals the tanh form and
// keeps its relative precision far below zero.
void Gelu(ConstTensor x, Tensor out);
void GeluBackward(ConstTensor dout, ConstTensor x, Tensor dx, Tensor out);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_GELU_H_
