// What an update of the weights takes.

#include <cmath>
#include <span>
#include <vector>

#include "kernels/cuda/adamw.h"
#include "kernels/cuda/bfloat16.h"
#include "kernels/cuda/reductions.h"
#include "tests/gpu/kernel_check.h"

namespace penstock::gpu {

void KernelCheck::AdamW() {
  const int64_t count = rows_ * cols_;
  const Array weight = Floats(count);
  const Array gradient = Floats(count);
  const Array first = Floats(count);
  const Array second = Floats(count);
  // A second moment is not negative.
  Check(cudaMemset(second.floats(), 0, second.bytes()), "cudaMemset");
  const AdamWArgs args{.weight = weight.floats(),
                       .gradient = gradient.floats(),
                       .first_moment = first.floats(),
                       .second_moment = second.floats(),
                       .count = count,
                       .gradient_scale = 0.5f,
                       .learning_rate = 0.01f,
                       .beta1 = 0.9f,
                       .beta2 = 0.95f,
                       .epsilon = 1e-8f,
                       .weight_decay = 0.1f,
                       .step = 3};
  Values expected;
  for (int64_t i = 0; i < count; ++i) {
    const double b1 = args.beta1;
    const double b2 = args.beta2;
    const double g = 0.5 * gradient.values()[i];
    const double m = b1 * first.values()[i] + (1 - b1) * g;
    const double v = (1 - b2) * g * g;
    const double m_hat = m / (1 - std::pow(b1, 3));
    const double v_hat = v / (1 - std::pow(b2, 3));
    const double w = weight.values()[i];
    const double rate = args.learning_rate;
    expected.push_back(w - rate * double{args.weight_decay} * w -
                       rate * m_hat /
                           (std::sqrt(v_hat) + double{args.epsilon}));
  }
  const auto launch = [&] { return cuda::AdamW(kStream, args); };
  Check(launch(), "adamw");
  Compare("adamw", weight, expected);
  table_.Time(launch, 7 * count * int64_t{sizeof(float)});
}

void KernelCheck::SumsOfSquares() {
  const Array x = Floats(rows_ * cols_);
  double expected = 0;
  for (const double value : x.values()) expected += value * value;
  const std::span<const float> array(x.floats(), x.values().size());
  const auto launch = [&] {
    return cuda::SumsOfSquares(kStream, {&array, 1}, workspace_);
  };
  Check(launch(), "sums_of_squares");
  Check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  double sum = NAN;
  Check(cudaMemcpy(&sum, workspace_.data, sizeof(sum), cudaMemcpyDefault),
        "cudaMemcpy");
  table_.Compare("sums_of_squares", type_, {sum}, {expected});
  table_.Time(launch, x.bytes());
}

void KernelCheck::Round() {
  const Array x = Array::Random(DataType::kFloat32, rows_, cols_);
  const Array out = Array::Poison(DataType::kBFloat16, rows_, cols_);
  const auto launch = [&] {
    return cuda::Round(kStream, x.tensor(), out.tensor());
  };
  Check(launch(), "round");
  table_.Compare("round", DataType::kBFloat16, out.Read(), x.values());
  table_.Time(launch, x.bytes() + out.bytes());
}

}  // namespace penstock::gpu
