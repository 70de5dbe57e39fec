#include "kernels/cuda/columns.h"
#include "kernels/cuda/element.h"
#include "kernels/cuda/gelu.h"
#include "kernels/cuda/launch.h"
#include "kernels/formulas/gelu.h"

namespace penstock::cuda {
namespace {

constexpr int kThreads = 256;

// Each thread takes kWidth elements of one row.
template <typename T, int kWidth>
__global__ void GeluKernel(ConstTensor x, Tensor out) {
  const int64_t packs = x.cols / kWidth;
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= x.rows * packs) return;
  const int64_t row = i / packs;
  const int64_t col = i % packs * kWidth;
  Floats<kWidth> values = Load<kWidth>(At<T>(x, row, col));
  for (int j = 0; j < kWidth; ++j) values[j] = GeluOf(values[j]).gelu;
  Store<kWidth>(values, At<T>(out, row, col));
}

// What is added up, and written on the way.
template <typename T>
struct GradientTerms {
  static constexpr int kSums = 1;

  template <int kWidth>
  __device__ void operator()(int64_t row, int64_t col,
                             Floats<kWidth>* sums) const {
    Floats<kWidth> values = Load<kWidth>(At<T>(x, row, col));
    Floats<kWidth> gradients = Load<kWidth>(At<T>(dout, row, col));
    for (int j = 0; j < kWidth; ++j) {
      const GeluParts<float> parts = GeluOf(values[j]);
      gradients[j] *= parts.derivative;
      values[j] = parts.gelu;
      sums[0][j] += gradients[j];
    }
    Store<kWidth>(gradients, At<T>(dx, row, col));
    Store<kWidth>(values, At<T>(out, row, col));
  }

  ConstTensor dout;
  ConstTensor x;
  Tensor dx;
  Tensor out;
};

}  // namespace

cudaError_t Gelu(cudaStream_t stream, ConstTensor x, Tensor out) {
  if (x.rows == 0 || x.cols == 0) return cudaSuccess;  // No empty launches.
  return WithElements(x.type, AreWide({x, out}), [&]<typename T, int kWidth>() {
    const dim3 grid(CeilDiv(x.rows * (x.cols / kWidth), kThreads));
    return Launch(stream, grid, kThreads, GeluKernel<T, kWidth>, x, out);
  });
}

cudaError_t GeluBackward(cudaStream_t stream, ConstTensor dout, ConstTensor x,
                         const Workspace& workspace, Tensor dx, Tensor out,
                         float* sums) {
  if (x.rows == 0 || x.cols == 0) return cudaSuccess;
  const bool wide = AreWide({dout, x, dx, out});
  return WithElements(x.type, wide, [&]<typename T, int kWidth>() {
    return AddColumnSums<kWidth>(stream, GradientTerms<T>{dout, x, dx, out},
                                 x.rows, x.cols, workspace, {sums});
  });
}

}  // namespace penstock::cuda
