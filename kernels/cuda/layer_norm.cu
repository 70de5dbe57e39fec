#include "kernels/cuda/block.h"
#include "kernels/cuda/columns.h"
#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/layer_norm.h"
#include "kernels/formulas/norm.h"

namespace penstock::cuda {
namespace {

constexpr int kThreadsMax = 256;

// Fused by hand, as in WeightTerms, which gives the same bits.
template <typename T, int kWidth>
__device__ void ApplyRow(const T* x, int64_t cols, float mean, float rstd,
                         const float* gain, const float* bias, T* out) {
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < cols;
       c += int64_t{blockDim.x} * kWidth) {
    Floats<kWidth> values = Load<kWidth>(x + c);
    const Floats<kWidth> gains = Load<kWidth>(gain + c);
    const Floats<kWidth> biases = Load<kWidth>(bias + c);
    for (int j = 0; j < kWidth; ++j) {
      values[j] = fmaf(Normalized(values[j], mean, rstd), gains[j], biases[j]);
    }
    Store<kWidth>(values, out + c);
  }
}

template <typename T, int kWidth>
__global__ void LayerNormKernel(ConstTensor x, const float* gain,
                                const float* bias, float epsilon, Tensor out,
                                float* mean, float* rstd) {
  const T* const row = At<T>(x, blockIdx.x, 0);
  const int64_t step = int64_t{blockDim.x} * kWidth;
  const float cols = static_cast<float>(x.cols);
  float sum = 0;
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < x.cols; c += step) {
    const Floats<kWidth> values = Load<kWidth>(row + c);
    for (int j = 0; j < kWidth; ++j) sum += values[j];
  }
  const float row_mean = BlockSum(sum) / cols;
  float squares = 0;
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < x.cols; c += step) {
    const Floats<kWidth> values = Load<kWidth>(row + c);
    for (int j = 0; j < kWidth; ++j) {
      const float centered = values[j] - row_mean;
      squares = fmaf(centered, centered, squares);
    }
  }
  const float row_rstd = ReciprocalDeviation(BlockSum(squares), cols, epsilon);
  ApplyRow<T, kWidth>(row, x.cols, row_mean, row_rstd, gain, bias,
                      At<T>(out, blockIdx.x, 0));
  if (threadIdx.x == 0) {
    mean[blockIdx.x] = row_mean;
    rstd[blockIdx.x] = row_rstd;
  }
}

template <typename T, int kWidth>
__global__ void LayerNormBackwardInputKernel(ConstTensor dout, ConstTensor x,
                                             const float* mean,
                                             const float* rstd,
                                             const float* gain,
                                             ConstTensor addend, Tensor dx) {
  const int64_t row = blockIdx.x;
  const float row_mean = mean[row];
  const float row_rstd = rstd[row];
  const int64_t step = int64_t{blockDim.x} * kWidth;
  // g = dout * gain and xhat of columns c ...
  const auto load = [&](int64_t c, Floats<kWidth>& g, Floats<kWidth>& xhat) {
    g = Load<kWidth>(At<T>(dout, row, c));
    xhat = Load<kWidth>(At<T>(x, row, c));
    const Floats<kWidth> gains = Load<kWidth>(gain + c);
    for (int j = 0; j < kWidth; ++j) {
      g[j] *= gains[j];
      xhat[j] = Normalized(xhat[j], row_mean, row_rstd);
    }
  };
  float g_sum = 0;
  float g_xhat_sum = 0;
  Floats<kWidth> g;
  Floats<kWidth> xhat;
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < x.cols; c += step) {
    load(c, g, xhat);
    for (int j = 0; j < kWidth; ++j) {
      g_sum += g[j];
      g_xhat_sum = fmaf(g[j], xhat[j], g_xhat_sum);
    }
  }
  // After these nobody reads what another thread writes, so dx may be dout.
  const float scale = 1.0f / static_cast<float>(x.cols);
  const float g_mean = BlockSum(g_sum) * scale;
  const float g_xhat_mean = BlockSum(g_xhat_sum) * scale;
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < x.cols; c += step) {
    load(c, g, xhat);
    Floats<kWidth> sums = {};
    if (addend.data != nullptr) sums = Load<kWidth>(At<T>(addend, row, c));
    for (int j = 0; j < kWidth; ++j) {
      sums[j] += NormGradient(g[j], xhat[j], g_mean, g_xhat_mean, row_rstd);
    }
    Store<kWidth>(sums, At<T>(dx, row, c));
  }
}

// dgain's and dbias's; writes the norm's output on the way.
template <typename T>
struct WeightTerms {
  static constexpr int kSums = 2;

  template <int kWidth>
  __device__ void operator()(int64_t row, int64_t col,
                             Floats<kWidth>* sums) const {
    const Floats<kWidth> gradients = Load<kWidth>(At<T>(dout, row, col));
    const Floats<kWidth> values = Load<kWidth>(At<T>(x, row, col));
    Floats<kWidth> xhats;
    for (int j = 0; j < kWidth; ++j) {
      xhats[j] = Normalized(values[j], mean[row], rstd[row]);
      sums[0][j] = fmaf(gradients[j], xhats[j], sums[0][j]);
      sums[1][j] += gradients[j];
    }
    if (out.data == nullptr) return;
    const Floats<kWidth> gains = Load<kWidth>(gain + col);
    const Floats<kWidth> biases = Load<kWidth>(bias + col);
    for (int j = 0; j < kWidth; ++j) {
      xhats[j] = fmaf(xhats[j], gains[j], biases[j]);
    }
    Store<kWidth>(xhats, At<T>(out, row, col));
  }

  ConstTensor dout;
  ConstTensor x;
  const float* mean;
  const float* rstd;
  const float* gain;
  const float* bias;
  Tensor out;
};

}  // namespace

cudaError_t LayerNorm(cudaStream_t stream, ConstTensor x, const float* gain,
                      const float* bias, float epsilon, Tensor out, float* mean,
                      float* rstd) {
  if (x.rows == 0 || x.cols == 0) return cudaSuccess;
  const bool wide = AreWide({x, out}, {gain, bias});
  return WithElements(x.type, wide, [&]<typename T, int kWidth>() {
    return Launch(stream, dim3(x.rows), Threads(x.cols / kWidth, kThreadsMax),
                  LayerNormKernel<T, kWidth>, x, gain, bias, epsilon, out, mean,
                  rstd);
  });
}

cudaError_t LayerNormBackwardInput(cudaStream_t stream, ConstTensor dout,
                                   ConstTensor x, const float* mean,
                                   const float* rstd, const float* gain,
                                   ConstTensor addend, Tensor dx) {
  if (x.rows == 0 || x.cols == 0) return cudaSuccess;
  const bool wide = AreWide({dout, x, addend, dx}, {gain});
  return WithElements(x.type, wide, [&]<typename T, int kWidth>() {
    return Launch(stream, dim3(x.rows), Threads(x.cols / kWidth, kThreadsMax),
                  LayerNormBackwardInputKernel<T, kWidth>, dout, x, mean, rstd,
                  gain, addend, dx);
  });
}

cudaError_t LayerNormBackwardWeight(cudaStream_t stream, ConstTensor dout,
                                    ConstTensor x, const float* mean,
                                    const float* rstd, const float* gain,
                                    const float* bias,
                                    const Workspace& workspace, Tensor out,
                                    float* dgain, float* dbias) {
  if (x.rows == 0 || x.cols == 0) return cudaSuccess;
  const bool wide = AreWide({dout, x, out}, {gain, bias});
  return WithElements(x.type, wide, [&]<typename T, int kWidth>() {
    const WeightTerms<T> terms{dout, x, mean, rstd, gain, bias, out};
    return AddColumnSums<kWidth>(stream, terms, x.rows, x.cols, workspace,
                                 {dgain, dbias});
  });
}

}  // namespace penstock::cuda
