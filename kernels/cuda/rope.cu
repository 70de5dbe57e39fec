#include <numbers>

#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/rope.h"
#include "kernels/formulas/rope.h"

namespace penstock::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kPairsMax = kRopeHeadDimMax / 2;

struct Turns {
  int64_t sequence;
  int64_t before;
  int pairs;                       // Of a head.
  float direction;                 // -1 to turn back.
  double per_position[kPairsMax];  // Half turns: frequency / pi.
};

// A block per row: cosines and sines once for all heads. sincospi reduces its
// argument exactly and, unlike sincos, without a slow path through local
// memory.
template <typename T>
__global__ void RopeKernel(Turns turns, Tensor x) {
  __shared__ float cosines[kPairsMax];
  __shared__ float sines[kPairsMax];
  const int64_t row = blockIdx.x;
  const double position =
      static_cast<double>(turns.before + row % turns.sequence);
  for (int i = threadIdx.x; i < turns.pairs; i += kThreads) {
    double sine = 0;
    double cosine = 0;
    sincospi(position * turns.per_position[i], &sine, &cosine);
    cosines[i] = static_cast<float>(cosine);
    sines[i] = turns.direction * static_cast<float>(sine);
  }
  __syncthreads();
  for (int64_t i = threadIdx.x; i < x.cols / 2; i += kThreads) {
    const int64_t pair = i % turns.pairs;
    T* const a = At<T>(x, row, i / turns.pairs * 2 * turns.pairs + pair);
    T* const b = a + turns.pairs;
    const RopePair<float> turned = Turned(
        RopePair<float>{ToFloat(*a), ToFloat(*b)}, cosines[pair], sines[pair]);
    *a = FromFloat<T>(turned.a);
    *b = FromFloat<T>(turned.b);
  }
}

cudaError_t Turn(cudaStream_t stream, const RopeShape& shape, float direction,
                 Tensor x) {
  if (x.rows == 0 || x.cols == 0) return cudaSuccess;
  if (shape.head_dim > kRopeHeadDimMax) return cudaErrorInvalidValue;
  Turns turns{.sequence = shape.sequence,
              .before = shape.before,
              .pairs = static_cast<int>(shape.head_dim / 2),
              .direction = direction,
              .per_position = {}};
  for (int i = 0; i < turns.pairs; ++i) {
    turns.per_position[i] = shape.frequencies[i] / std::numbers::pi;
  }
  if (x.type == DataType::kFloat32) {
    return Launch(stream, dim3(x.rows), kThreads, RopeKernel<float>, turns, x);
  }
  return Launch(stream, dim3(x.rows), kThreads, RopeKernel<__nv_bfloat16>,
                turns, x);
}

}  // namespace

cudaError_t Rope(cudaStream_t stream, const RopeShape& shape, Tensor x) {
  return Turn(stream, shape, 1, x);
}

cudaError_t RopeBackward(cudaStream_t stream, const RopeShape& shape,
                         Tensor dx) {
  return Turn(stream, shape, -1, dx);
}

}  // namespace penstock::cuda
