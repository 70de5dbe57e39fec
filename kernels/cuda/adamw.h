#ifndef KERNELS_CUDA_ADAMW_H_
#define KERNELS_CUDA_ADAMW_H_

#include <cuda_runtime_api.h>

#include "kernels/adamw_args.h"

namespace penstock::cuda {

// See Backend.
cudaError_t AdamW(cudaStream_t stream, const AdamWArgs& args);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_ADAMW_H_
