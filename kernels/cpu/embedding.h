#ifndef KERNELS_CPU_EMBEDDING_H_
#define KERNELS_CPU_EMBEDDING_H_

#include "kernels/tensor.h"

namespace penstock::cpu {

// See Backend. Tokens must be below the rows of the token table.
void Embedding(const int32_t* tokens, int64_t sequence, ConstTensor token_table,
               ConstTensor position_table, Tensor out);
void EmbeddingBackward(const int32_t* tokens, int64_t sequence,
                       ConstTensor dout, Tensor d_token_table,
                       Tensor d_position_table);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_EMBEDDING_H_
