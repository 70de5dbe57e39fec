#ifndef KERNELS_CUDA_PRODUCTS_H_
#define KERNELS_CUDA_PRODUCTS_H_

#include <cuda_runtime_api.h>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "kernels/cuda/workspace.h"

namespace penstock::cuda {

// Matrix products on a queue.
class Products {
 public:
  virtual ~Products() = default;

  // See Backend::Matmul. No size is 0, a and b have one type, c has it or is
  // float32, and addend has c's.
  //
  // Errors:
  //   Unimplemented: no algorithm for these shapes, types and strides.
  virtual absl::Status Run(cudaStream_t stream, const MatmulArgs& args,
                           const Workspace& workspace) = 0;
};

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_PRODUCTS_H_
