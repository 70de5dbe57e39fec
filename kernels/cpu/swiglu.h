#ifndef KERNELS_CPU_SWIGLU_H_
#define KERNELS_CPU_SWIGLU_H_

#include "kernels/tensor.h"

namespace penstock::cpu {

// See Backend.
void SwiGlu(ConstTensor gate, ConstTensor up, Tensor out);
void SwiGluBackward(ConstTensor dout, ConstTensor gate, ConstTensor up,
                    Tensor dgate, Tensor dup, Tensor out);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_SWIGLU_H_
