#ifndef KERNELS_CUDA_MATMUL_H_
#define KERNELS_CUDA_MATMUL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "kernels/cuda/products.h"

namespace penstock::cuda {

// cuBLASLt's products on the current device, on tensor cores for bfloat16 and
// in full float32 for float32. Sums are float32. The algorithm for each shape,
// type, stride and alignment is the first that cuBLASLt's heuristics name among
// those that give the same bits every time; it is asked for once.
//
// A float32 bias of a bfloat16 product is rounded to bfloat16 where cuBLASLt
// adds only such a one, as its documentation has it for all GPUs so far. Where
// it adds none, the result is filled with the bias first.
//
// Errors:
//   Unavailable: cuBLASLt does not start.
absl::StatusOr<std::unique_ptr<Products>> MakeProducts();

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_MATMUL_H_
