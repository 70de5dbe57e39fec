#include "kernels/cuda/block.h"
#include "kernels/cuda/cross_entropy.h"
#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"
#include "kernels/formulas/softmax.h"

namespace penstock::cuda {
namespace {

// So large that the rows of all blocks that run at a time, two on each of a
// GPU's multiprocessors, should be in its cache when they are read again: 26 MB
// of an H200's 50 for 50,304 logits in bfloat16.
constexpr int kThreadsMax = 1024;

// A block per row, which is read twice and written once: the maximum and the
// sum of exponentials come from one pass.
template <typename T, int kWidth>
__global__ void CrossEntropyKernel(Tensor logits, const int32_t* labels,
                                   float scale, float* losses) {
  T* const row = At<T>(logits, blockIdx.x, 0);
  const int64_t cols = logits.cols;
  const int64_t step = int64_t{blockDim.x} * kWidth;
  const int32_t label = labels[blockIdx.x];
  const bool is_valid = label >= 0 && label < cols;
  // Read before the first barrier, written after the last.
  const float label_logit = is_valid ? ToFloat(row[label]) : NAN;
  SoftmaxSum<float> part;
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < cols; c += step) {
    const Floats<kWidth> values = Load<kWidth>(row + c);
    for (int j = 0; j < kWidth; ++j) part = Added(part, values[j]);
  }
  const float max = BlockMax(part.max);
  const float total = BlockSum(Rescaled(part, max));
  const float factor = is_valid ? scale / total : NAN;
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < cols; c += step) {
    Floats<kWidth> values = Load<kWidth>(row + c);
    for (int j = 0; j < kWidth; ++j) {
      values[j] = expf(values[j] - max) * factor;
      if (c + j == label) values[j] -= scale;
    }
    Store<kWidth>(values, row + c);
  }
  if (threadIdx.x == 0) {
    losses[blockIdx.x] = static_cast<float>(
        log(double{total}) + (double{max} - double{label_logit}));
  }
}

}  // namespace

cudaError_t CrossEntropy(cudaStream_t stream, Tensor logits,
                         const int32_t* labels, float scale, float* losses) {
  if (logits.rows == 0 || logits.cols == 0) return cudaSuccess;
  const bool wide = AreWide({logits});
  return WithElements(logits.type, wide, [&]<typename T, int kWidth>() {
    return Launch(stream, dim3(logits.rows),
                  Threads(logits.cols / kWidth, kThreadsMax),
                  CrossEntropyKernel<T, kWidth>, logits, labels, scale, losses);
  });
}

}  // namespace penstock::cuda
