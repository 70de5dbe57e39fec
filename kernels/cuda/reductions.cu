#include "kernels/cuda/block.h"
#include "kernels/cuda/columns.h"
#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/reductions.h"

namespace penstock::cuda {
namespace {

constexpr int kThreads = 256;

template <typename T>
struct ElementTerms {
  static constexpr int kSums = 1;

  template <int kWidth>
  __device__ void operator()(int64_t row, int64_t col,
                             Floats<kWidth>* sums) const {
    const Floats<kWidth> values = Load<kWidth>(At<T>(x, row, col));
    for (int j = 0; j < kWidth; ++j) sums[0][j] += values[j];
  }

  ConstTensor x;
};

template <int kWidth>
__global__ void AccumulateKernel(const float* x, int64_t count, float* out) {
  const int64_t i = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * kWidth;
  if (i >= count) return;
  const Floats<kWidth> values = Load<kWidth>(x + i);
  Floats<kWidth> sums = Load<kWidth>(out + i);
  for (int j = 0; j < kWidth; ++j) sums[j] += values[j];
  Store<kWidth>(sums, out + i);
}

// partial[block + 1], so that the total can go to partial[0].
__global__ void SquaresKernel(const float* x, int64_t count, double* partial) {
  double sum = 0;
  const int64_t stride = int64_t{gridDim.x} * kThreads;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count;
       i += stride) {
    sum += double{x[i]} * double{x[i]};
  }
  sum = BlockSum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x + 1] = sum;
}

__global__ void AddPartialsKernel(double* partial, int count) {
  double sum = 0;
  for (int i = threadIdx.x; i < count; i += kThreads) sum += partial[i + 1];
  sum = BlockSum(sum);
  if (threadIdx.x == 0) partial[0] = sum;
}

template <typename T>
__global__ void FillRowsKernel(const float* bias, ConstTensor addend,
                               Tensor c) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= c.rows * c.cols) return;
  const int64_t row = i / c.cols;
  const int64_t col = i % c.cols;
  float value = bias == nullptr ? 0.0f : bias[col];
  if (addend.data != nullptr) value += ToFloat(*At<T>(addend, row, col));
  *At<T>(c, row, col) = FromFloat<T>(value);
}

}  // namespace

cudaError_t ColumnSums(cudaStream_t stream, ConstTensor x,
                       const Workspace& workspace, float* sums) {
  if (x.rows == 0 || x.cols == 0) return cudaSuccess;
  return WithElements(x.type, AreWide({x}), [&]<typename T, int kWidth>() {
    return AddColumnSums<kWidth>(stream, ElementTerms<T>{x}, x.rows, x.cols,
                                 workspace, {sums});
  });
}

cudaError_t Accumulate(cudaStream_t stream, const float* x, int64_t count,
                       float* out) {
  if (count == 0) return cudaSuccess;
  if (count % 4 == 0 && IsAligned(x) && IsAligned(out)) {
    return Launch(stream, dim3(CeilDiv(count / 4, kThreads)), kThreads,
                  AccumulateKernel<4>, x, count, out);
  }
  return Launch(stream, dim3(CeilDiv(count, kThreads)), kThreads,
                AccumulateKernel<1>, x, count, out);
}

cudaError_t SumOfSquares(cudaStream_t stream, const float* x, int64_t count,
                         const Workspace& workspace) {
  // From count alone, whatever the device: so is the order of the sum.
  constexpr int64_t kBlocksMax = 1024;
  constexpr int64_t kPerThread = 16;
  const int blocks = static_cast<int>(
      std::min(kBlocksMax, CeilDiv(count, kThreads * kPerThread)));
  double* const partial = reinterpret_cast<double*>(workspace.data);
  if (blocks > 0) {
    const cudaError_t error = Launch(stream, dim3(blocks), kThreads,
                                     SquaresKernel, x, count, partial);
    if (error != cudaSuccess) return error;
  }
  return Launch(stream, dim3(1), kThreads, AddPartialsKernel, partial, blocks);
}

cudaError_t FillRows(cudaStream_t stream, const float* bias, ConstTensor addend,
                     Tensor c) {
  if (c.rows == 0 || c.cols == 0) return cudaSuccess;
  const dim3 grid(CeilDiv(c.rows * c.cols, kThreads));
  if (c.type == DataType::kFloat32) {
    return Launch(stream, grid, kThreads, FillRowsKernel<float>, bias, addend,
                  c);
  }
  return Launch(stream, grid, kThreads, FillRowsKernel<__nv_bfloat16>, bias,
                addend, c);
}

}  // namespace penstock::cuda
