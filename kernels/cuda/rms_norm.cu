#include "kernels/cuda/block.h"
#include "kernels/cuda/columns.h"
#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/rms_norm.h"
#include "kernels/formulas/norm.h"

namespace penstock::cuda {
namespace {

constexpr int kThreadsMax = 256;

template <typename T, int kWidth>
__device__ void ApplyRow(const T* x, int64_t cols, float rstd,
                         const float* gain, T* out) {
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < cols;
       c += int64_t{blockDim.x} * kWidth) {
    Floats<kWidth> values = Load<kWidth>(x + c);
    const Floats<kWidth> gains = Load<kWidth>(gain + c);
    for (int j = 0; j < kWidth; ++j) values[j] = values[j] * rstd * gains[j];
    Store<kWidth>(values, out + c);
  }
}

template <typename T, int kWidth>
__global__ void RmsNormKernel(ConstTensor x, const float* gain, float epsilon,
                              Tensor out, float* rstd) {
  const T* const row = At<T>(x, blockIdx.x, 0);
  const float cols = static_cast<float>(x.cols);
  float squares = 0;
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < x.cols;
       c += int64_t{blockDim.x} * kWidth) {
    const Floats<kWidth> values = Load<kWidth>(row + c);
    for (int j = 0; j < kWidth; ++j) {
      squares = fmaf(values[j], values[j], squares);
    }
  }
  const float row_rstd = ReciprocalDeviation(BlockSum(squares), cols, epsilon);
  ApplyRow<T, kWidth>(row, x.cols, row_rstd, gain, At<T>(out, blockIdx.x, 0));
  if (threadIdx.x == 0) rstd[blockIdx.x] = row_rstd;
}

template <typename T, int kWidth>
__global__ void RmsNormBackwardInputKernel(ConstTensor dout, ConstTensor x,
                                           const float* rstd, const float* gain,
                                           ConstTensor addend, Tensor dx) {
  const int64_t row = blockIdx.x;
  const float row_rstd = rstd[row];
  const int64_t step = int64_t{blockDim.x} * kWidth;
  // g = dout * gain and xhat of columns c ...
  const auto load = [&](int64_t c, Floats<kWidth>& g, Floats<kWidth>& xhat) {
    g = Load<kWidth>(At<T>(dout, row, c));
    xhat = Load<kWidth>(At<T>(x, row, c));
    const Floats<kWidth> gains = Load<kWidth>(gain + c);
    for (int j = 0; j < kWidth; ++j) {
      g[j] *= gains[j];
      xhat[j] *= row_rstd;
    }
  };
  float g_xhat_sum = 0;
  Floats<kWidth> g;
  Floats<kWidth> xhat;
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < x.cols; c += step) {
    load(c, g, xhat);
    for (int j = 0; j < kWidth; ++j) {
      g_xhat_sum = fmaf(g[j], xhat[j], g_xhat_sum);
    }
  }
  // After this nobody reads what another thread writes, so dx may be dout.
  const float g_xhat_mean = BlockSum(g_xhat_sum) / static_cast<float>(x.cols);
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < x.cols; c += step) {
    load(c, g, xhat);
    Floats<kWidth> sums = {};
    if (addend.data != nullptr) sums = Load<kWidth>(At<T>(addend, row, c));
    for (int j = 0; j < kWidth; ++j) {
      sums[j] += NormGradient(g[j], xhat[j], 0.0f, g_xhat_mean, row_rstd);
    }
    Store<kWidth>(sums, At<T>(dx, row, c));
  }
}

// dgain's; writes the norm's output on the way, as ApplyRow does.
template <typename T>
struct GainTerms {
  static constexpr int kSums = 1;

  template <int kWidth>
  __device__ void operator()(int64_t row, int64_t col,
                             Floats<kWidth>* sums) const {
    const Floats<kWidth> gradients = Load<kWidth>(At<T>(dout, row, col));
    const Floats<kWidth> values = Load<kWidth>(At<T>(x, row, col));
    Floats<kWidth> xhats;
    for (int j = 0; j < kWidth; ++j) {
      xhats[j] = values[j] * rstd[row];
      sums[0][j] = fmaf(gradients[j], xhats[j], sums[0][j]);
    }
    if (out.data == nullptr) return;
    const Floats<kWidth> gains = Load<kWidth>(gain + col);
    for (int j = 0; j < kWidth; ++j) xhats[j] *= gains[j];
    Store<kWidth>(xhats, At<T>(out, row, col));
  }

  ConstTensor dout;
  ConstTensor x;
  const float* rstd;
  const float* gain;
  Tensor out;
};

}  // namespace

cudaError_t RmsNorm(cudaStream_t stream, ConstTensor x, const float* gain,
                    float epsilon, Tensor out, float* rstd) {
  if (x.rows == 0 || x.cols == 0) return cudaSuccess;
  const bool wide = AreWide({x, out}, {gain});
  return WithElements(x.type, wide, [&]<typename T, int kWidth>() {
    return Launch(stream, dim3(x.rows), Threads(x.cols / kWidth, kThreadsMax),
                  RmsNormKernel<T, kWidth>, x, gain, epsilon, out, rstd);
  });
}

cudaError_t RmsNormBackwardInput(cudaStream_t stream, ConstTensor dout,
                                 ConstTensor x, const float* rstd,
                                 const float* gain, ConstTensor addend,
                                 Tensor dx) {
  if (x.rows == 0 || x.cols == 0) return cudaSuccess;
  const bool wide = AreWide({dout, x, addend, dx}, {gain});
  return WithElements(x.type, wide, [&]<typename T, int kWidth>() {
    return Launch(stream, dim3(x.rows), Threads(x.cols / kWidth, kThreadsMax),
                  RmsNormBackwardInputKernel<T, kWidth>, dout, x, rstd, gain,
                  addend, dx);
  });
}

cudaError_t RmsNormBackwardWeight(cudaStream_t stream, ConstTensor dout,
                                  ConstTensor x, const float* rstd,
                                  const float* gain, const Workspace& workspace,
                                  Tensor out, float* dgain) {
  if (x.rows == 0 || x.cols == 0) return cudaSuccess;
  const bool wide = AreWide({dout, x, out}, {gain});
  return WithElements(x.type, wide, [&]<typename T, int kWidth>() {
    const GainTerms<T> terms{dout, x, rstd, gain, out};
    return AddColumnSums<kWidth>(stream, terms, x.rows, x.cols, workspace,
                                 {dgain});
  });
}

}  // namespace penstock::cuda
