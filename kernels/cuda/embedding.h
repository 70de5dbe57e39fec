#ifndef KERNELS_CUDA_EMBEDDING_H_
#define KERNELS_CUDA_EMBEDDING_H_

#include <cuda_runtime_api.h>

#include "kernels/cuda/workspace.h"
#include "kernels/tensor.h"

namespace penstock::cuda {

// See Backend; the tables have one type, their gradients are float32.
// The row of a token that is not in the table is NaN, and its gradient is left
// out.
cudaError_t Embedding(cudaStream_t stream, const int32_t* tokens,
                      int64_t sequence, ConstTensor token_table,
                      ConstTensor position_table, Tensor out);
cudaError_t EmbeddingBackward(cudaStream_t stream, const int32_t* tokens,
                              int64_t sequence, ConstTensor dout,
                              const Workspace& workspace, Tensor d_token_table,
                              Tensor d_position_table);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_EMBEDDING_H_
