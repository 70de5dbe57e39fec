#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/swiglu.h"
#include "kernels/formulas/swiglu.h"

namespace penstock::cuda {
namespace {

constexpr int kThreads = 256;

// Each thread takes kWidth elements of one row.
template <typename T, int kWidth>
__global__ void SwiGluKernel(ConstTensor gate, ConstTensor up, Tensor out) {
  const int64_t packs = gate.cols / kWidth;
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= gate.rows * packs) return;
  const int64_t row = i / packs;
  const int64_t col = i % packs * kWidth;
  const Floats<kWidth> gates = Load<kWidth>(At<T>(gate, row, col));
  Floats<kWidth> values = Load<kWidth>(At<T>(up, row, col));
  for (int j = 0; j < kWidth; ++j) values[j] *= SiluOf(gates[j]).silu;
  Store<kWidth>(values, At<T>(out, row, col));
}

template <typename T, int kWidth>
__global__ void SwiGluBackwardKernel(ConstTensor dout, ConstTensor gate,
                                     ConstTensor up, Tensor dgate, Tensor dup,
                                     Tensor out) {
  const int64_t packs = gate.cols / kWidth;
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= gate.rows * packs) return;
  const int64_t row = i / packs;
  const int64_t col = i % packs * kWidth;
  Floats<kWidth> gates = Load<kWidth>(At<T>(gate, row, col));
  Floats<kWidth> ups = Load<kWidth>(At<T>(up, row, col));
  Floats<kWidth> gradients = Load<kWidth>(At<T>(dout, row, col));
  for (int j = 0; j < kWidth; ++j) {
    const SiluParts<float> parts = SiluOf(gates[j]);
    gates[j] = gradients[j] * ups[j] * parts.derivative;
    gradients[j] *= parts.silu;
    ups[j] *= parts.silu;
  }
  Store<kWidth>(gates, At<T>(dgate, row, col));
  Store<kWidth>(gradients, At<T>(dup, row, col));
  Store<kWidth>(ups, At<T>(out, row, col));
}

}  // namespace

cudaError_t SwiGlu(cudaStream_t stream, ConstTensor gate, ConstTensor up,
                   Tensor out) {
  if (gate.rows == 0 || gate.cols == 0) return cudaSuccess;
  const bool wide = AreWide({gate, up, out});
  return WithElements(gate.type, wide, [&]<typename T, int kWidth>() {
    const dim3 grid(CeilDiv(gate.rows * (gate.cols / kWidth), kThreads));
    return Launch(stream, grid, kThreads, SwiGluKernel<T, kWidth>, gate, up,
                  out);
  });
}

cudaError_t SwiGluBackward(cudaStream_t stream, ConstTensor dout,
                           ConstTensor gate, ConstTensor up, Tensor dgate,
                           Tensor dup, Tensor out) {
  if (gate.rows == 0 || gate.cols == 0) return cudaSuccess;
  const bool wide = AreWide({dout, gate, up, dgate, dup, out});
  return WithElements(gate.type, wide, [&]<typename T, int kWidth>() {
    const dim3 grid(CeilDiv(gate.rows * (gate.cols / kWidth), kThreads));
    return Launch(stream, grid, kThreads, SwiGluBackwardKernel<T, kWidth>, dout,
                  gate, up, dgate, dup, out);
  });
}

}  // namespace penstock::cuda
