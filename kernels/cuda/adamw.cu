#include "kernels/cuda/adamw.h"
#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"
#include "kernels/formulas/adamw.h"

namespace penstock::cuda {
namespace {

constexpr int kThreads = 256;

// The arrays of AdamWArgs.
struct Arrays {
  float* weight;
  const float* gradient;
  float* first_moment;
  float* second_moment;
  __nv_bfloat16* rounded;
};

template <int kWidth>
__global__ void AdamWKernel(Arrays arrays, int64_t count,
                            AdamWFactors factors) {
  const int64_t i = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * kWidth;
  if (i >= count) return;
  Floats<kWidth> weights = Load<kWidth>(arrays.weight + i);
  Floats<kWidth> firsts = Load<kWidth>(arrays.first_moment + i);
  Floats<kWidth> seconds = Load<kWidth>(arrays.second_moment + i);
  const Floats<kWidth> gradients = Load<kWidth>(arrays.gradient + i);
  for (int j = 0; j < kWidth; ++j) {
    const AdamWState state = AdamWStep(
        factors, gradients[j], AdamWState{weights[j], firsts[j], seconds[j]});
    weights[j] = state.weight;
    firsts[j] = state.first_moment;
    seconds[j] = state.second_moment;
  }
  Store<kWidth>(weights, arrays.weight + i);
  Store<kWidth>(firsts, arrays.first_moment + i);
  Store<kWidth>(seconds, arrays.second_moment + i);
  if (arrays.rounded != nullptr) Store<kWidth>(weights, arrays.rounded + i);
}

}  // namespace

cudaError_t AdamW(cudaStream_t stream, const AdamWArgs& args) {
  if (args.count == 0) return cudaSuccess;
  const Arrays arrays{args.weight, args.gradient, args.first_moment,
                      args.second_moment,
                      reinterpret_cast<__nv_bfloat16*>(args.rounded)};
  const bool wide = args.count % 4 == 0 && IsAligned(args.weight) &&
                    IsAligned(args.gradient) && IsAligned(args.first_moment) &&
                    IsAligned(args.second_moment) && IsAligned(args.rounded);
  if (wide) {
    return Launch(stream, dim3(CeilDiv(args.count / 4, kThreads)), kThreads,
                  AdamWKernel<4>, arrays, args.count, FactorsOf(args));
  }
  return Launch(stream, dim3(CeilDiv(args.count, kThreads)), kThreads,
                AdamWKernel<1>, arrays, args.count, FactorsOf(args));
}

}  // namespace penstock::cuda
