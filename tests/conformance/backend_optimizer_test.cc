// What an update of the weights takes: the gradients' norms, AdamW.

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "tests/conformance/backend_conformance.h"

namespace penstock {
namespace {

class OptimizerConformance : public BackendConformance {};

TEST_P(OptimizerConformance, SumsOfSquaresAreTakenInDouble) {
  std::vector<DeviceBuffer> devices;
  std::vector<std::span<const float>> arrays;
  std::vector<double> expected;
  std::vector<double> tolerances;
  for (const int64_t count : {0, 1, 3, 31, 33, 1000, 5000, 100003}) {
    auto x = RandomFloats(count, 1);
    if (count > 0) x[0] = 1e6f;  // Would swallow the others in float32.
    double& sum = expected.emplace_back(0);
    for (const float value : x) sum += double{value} * double{value};
    tolerances.push_back(static_cast<double>(count) * 0x1p-52 * sum);
    devices.push_back(Upload(x));
    arrays.emplace_back(devices.back().floats(), x.size());
  }
  std::vector<double> sums(arrays.size(), NAN);
  ASSERT_TRUE(backend_->SumsOfSquares(arrays, sums).ok());
  for (size_t i = 0; i < arrays.size(); ++i) {
    EXPECT_NEAR(sums[i], expected[i], tolerances[i]) << arrays[i].size();
    double alone = NAN;
    ASSERT_TRUE(backend_->SumsOfSquares({&arrays[i], 1}, {&alone, 1}).ok());
    EXPECT_EQ(sums[i], alone);
  }
}

TEST_P(OptimizerConformance, SumsOfSquaresOfThousandsOfArrays) {
  const std::vector<float> x = {1, 2, 3, 4};
  DeviceBuffer device = Upload(x);
  std::vector<std::span<const float>> arrays;
  for (int i = 0; i < 5000; ++i) arrays.emplace_back(device.floats(), i % 5);
  std::vector<double> sums(arrays.size(), NAN);
  ASSERT_TRUE(backend_->SumsOfSquares(arrays, sums).ok());
  const double expected[] = {0, 1, 5, 14, 30};
  for (size_t i = 0; i < sums.size(); ++i) {
    ASSERT_EQ(sums[i], expected[i % 5]) << i;
  }
  EXPECT_EQ(backend_->SumsOfSquares(arrays, {sums.data(), 3}).code(),
            absl::StatusCode::kInvalidArgument);
}

// Moments are two roundings away from float64; the step is at most learning
// rate / (1 - beta1) = 0.1 large and off by eight epsilons of that.
TEST_P(OptimizerConformance, AdamWMatchesFloat64OverTwoSteps) {
  for (const int64_t count : kWidths) {
    DeviceBuffer weight = Upload(RandomFloats(count, 1));
    DeviceBuffer m = DeviceBuffer::Zeros(*backend_, count);
    DeviceBuffer v = DeviceBuffer::Zeros(*backend_, count);
    AdamWArgs args{.weight = weight.floats(),
                   .first_moment = m.floats(),
                   .second_moment = v.floats(),
                   .count = count,
                   .gradient_scale = 0.5f,
                   .learning_rate = 0.01f,
                   .beta1 = 0.9f,
                   .beta2 = 0.95f,
                   .epsilon = 1e-8f,
                   .weight_decay = 0.1f};
    std::vector<Expected> w;
    for (const float value : RandomFloats(count, 1)) w.push_back({value, 0});
    std::vector<double> m64(count);
    std::vector<double> v64(count);
    for (args.step = 1; args.step <= 2; ++args.step) {
      const auto gradient = RandomFloats(count, 1 + args.step);
      DeviceBuffer device_gradient = Upload(gradient);
      args.gradient = device_gradient.floats();
      ASSERT_TRUE(backend_->AdamW(args).ok());
      const double b1 = args.beta1;
      const double b2 = args.beta2;
      const double rate = args.learning_rate;
      for (int64_t i = 0; i < count; ++i) {
        const double g = 0.5 * gradient[i];
        m64[i] = b1 * m64[i] + (1 - b1) * g;
        v64[i] = b2 * v64[i] + (1 - b2) * g * g;
        const double m_hat = m64[i] / (1 - std::pow(b1, args.step));
        const double v_hat = v64[i] / (1 - std::pow(b2, args.step));
        w[i].value -= rate * double{args.weight_decay} * w[i].value;
        w[i].value -= rate * m_hat / (std::sqrt(v_hat) + double{args.epsilon});
        w[i].tolerance += kEpsilon * (1 + 8 * 0.1);
      }
      ExpectNear(weight, w);
    }
  }
}

// On the way, with the bits of Round.
TEST_P(OptimizerConformance, AdamWRoundsTheWeight) {
  for (const int64_t count : kWidths) {
    DeviceBuffer weight = Upload(RandomFloats(count, 1));
    DeviceBuffer gradient = Upload(RandomFloats(count, 2));
    DeviceBuffer m = DeviceBuffer::Zeros(*backend_, count);
    DeviceBuffer v = DeviceBuffer::Zeros(*backend_, count);
    DeviceBuffer rounded = Poison((count + 1) / 2);
    DeviceBuffer again = Poison((count + 1) / 2);
    ASSERT_TRUE(backend_
                    ->AdamW({.weight = weight.floats(),
                             .gradient = gradient.floats(),
                             .first_moment = m.floats(),
                             .second_moment = v.floats(),
                             .rounded = rounded.data(),
                             .count = count,
                             .learning_rate = 0.1f,
                             .beta1 = 0.9f,
                             .beta2 = 0.95f,
                             .epsilon = 1e-8f,
                             .step = 1})
                    .ok());
    ASSERT_TRUE(
        backend_
            ->Round(Float32(weight.floats(), 1, count),
                    {again.data(), 1, count, count, DataType::kBFloat16})
            .ok());
    ExpectSameBits(rounded, again);
  }
}

INSTANTIATE_TEST_SUITE_P(AllBackends, OptimizerConformance,
                         testing::Values("cpu", "cuda"), BackendName);

}  // namespace
}  // namespace penstock
