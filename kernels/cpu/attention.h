#ifndef KERNELS_CPU_ATTENTION_H_
#define KERNELS_CPU_ATTENTION_H_

#include "kernels/backend.h"

namespace penstock::cpu {

// See Backend; `scratch` has AttentionScratchBytes, aligned to 64 bytes. One
// head of one sample after the other, each packed into scratch first.
void Attention(const AttentionShape& shape, ConstTensor q, ConstTensor k,
               ConstTensor v, Tensor out, float* lse, std::byte* scratch);
void AttentionBackward(const AttentionShape& shape, ConstTensor q,
                       ConstTensor k, ConstTensor v, ConstTensor out,
                       ConstTensor dout, const float* lse, Tensor dq, Tensor dk,
                       Tensor dv, std::byte* scratch);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_ATTENTION_H_
