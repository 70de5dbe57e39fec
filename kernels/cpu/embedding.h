#ifndef KERNELS_CPU_EMBEDDING_H_
#define KERNELS_CPU_EMBEDDING_H_

#include "kernels/tensor.h"

namespace penstock::cpu {

// One row of Backend's operations, float32: out = token + position and, adding,
// both gradients. A position with null data is none.
void Embedding(ConstTensor token, ConstTensor position, Tensor out);
void EmbeddingBackward(ConstTensor dout, Tensor d_token, Tensor d_position);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_EMBEDDING_H_
