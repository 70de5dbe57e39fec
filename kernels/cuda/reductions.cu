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

// From the number of elements alone, whatever the device: so is the order of
// the sum.
constexpr int kSquaresBlocksMax = 1024;

// partial [blocks]
__global__ void SquaresKernel(const float* x, int64_t count, double* partial) {
  double sum = 0;
  const int64_t stride = int64_t{gridDim.x} * kThreads;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count;
       i += stride) {
    sum += double{x[i]} * double{x[i]};
  }
  sum = BlockSum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// A block per array; partial [arrays, kSquaresBlocksMax], zeros where an array
// has fewer blocks.
__global__ void AddPartialsKernel(const double* partial, double* sums) {
  const double* const parts = partial + int64_t{blockIdx.x} * kSquaresBlocksMax;
  double sum = 0;
  for (int i = threadIdx.x; i < kSquaresBlocksMax; i += kThreads) {
    sum += parts[i];
  }
  sum = BlockSum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
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

cudaError_t SumsOfSquares(cudaStream_t stream,
                          std::span<const std::span<const float>> arrays,
                          const Workspace& workspace) {
  if (arrays.empty()) return cudaSuccess;
  constexpr int64_t kPerThread = 16;
  static_assert(kSquaresMax * (1 + kSquaresBlocksMax) * sizeof(double) <=
                Workspace::kBytes);
  double* const sums = reinterpret_cast<double*>(workspace.data);
  double* partial = sums + arrays.size();
  cudaError_t error = cudaMemsetAsync(
      partial, 0, arrays.size() * kSquaresBlocksMax * sizeof(double), stream);
  for (const std::span<const float>& x : arrays) {
    if (error != cudaSuccess) return error;
    const int64_t count = static_cast<int64_t>(x.size());
    const int64_t blocks = std::min<int64_t>(
        kSquaresBlocksMax, CeilDiv(count, kThreads * kPerThread));
    if (blocks > 0) {
      error = Launch(stream, dim3(blocks), kThreads, SquaresKernel, x.data(),
                     count, partial);
    }
    partial += kSquaresBlocksMax;
  }
  if (error != cudaSuccess) return error;
  return Launch(stream, dim3(arrays.size()), kThreads, AddPartialsKernel,
                sums + arrays.size(), sums);
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
