#include "kernels/cuda/bfloat16.h"
#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"

namespace penstock::cuda {
namespace {

constexpr int kThreads = 256;

// A weight is one row of millions of columns, so threads count through the rows
// instead of each block having one.
template <int kWidth>
__global__ void RoundKernel(ConstTensor x, Tensor out) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  const int64_t per_row = x.cols / kWidth;
  const int64_t row = i / per_row;
  if (row >= x.rows) return;
  const int64_t col = (i - row * per_row) * kWidth;
  Store<kWidth>(Load<kWidth>(At<float>(x, row, col)),
                At<__nv_bfloat16>(out, row, col));
}

}  // namespace

cudaError_t Round(cudaStream_t stream, ConstTensor x, Tensor out) {
  if (x.rows == 0 || x.cols == 0) return cudaSuccess;
  const bool wide = AreWide({x, out});
  const int64_t threads = x.rows * x.cols / (wide ? 8 : 1);
  return Launch(stream, dim3(CeilDiv(threads, kThreads)), kThreads,
                wide ? RoundKernel<8> : RoundKernel<1>, x, out);
}

}  // namespace penstock::cuda
