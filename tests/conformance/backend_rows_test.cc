// Operations on rows and elements against float64: layer norm, GELU,
// embedding, cross-entropy, sums, copies.

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/conformance/backend_conformance.h"

namespace penstock {
namespace {

class RowsConformance : public BackendConformance {};

constexpr float kNormEpsilon = 1e-5f;

// Layer norm of one matrix in float64, with its gradients.
struct Norm {
  std::vector<double> out, dx, dgain, dbias, rstd;
};

Norm NormOracle(int64_t rows, int64_t cols, const std::vector<float>& x,
                const std::vector<float>& gain, const std::vector<float>& bias,
                const std::vector<float>& dout) {
  Norm norm{.dgain = std::vector<double>(cols),
            .dbias = std::vector<double>(cols)};
  const auto n = static_cast<double>(cols);
  for (int64_t r = 0; r < rows; ++r) {
    double mean = 0;
    for (int64_t c = 0; c < cols; ++c) mean += x[r * cols + c] / n;
    double variance = 0;
    for (int64_t c = 0; c < cols; ++c) {
      variance += std::pow(x[r * cols + c] - mean, 2) / n;
    }
    const double rstd = 1 / std::sqrt(variance + double{kNormEpsilon});
    norm.rstd.push_back(rstd);
    double g_mean = 0;
    double g_xhat_mean = 0;
    const auto xhat = [&](int64_t c) {
      return (x[r * cols + c] - mean) * rstd;
    };
    for (int64_t c = 0; c < cols; ++c) {
      const double g = double{dout[r * cols + c]} * double{gain[c]};
      g_mean += g / n;
      g_xhat_mean += g * xhat(c) / n;
      norm.out.push_back(xhat(c) * gain[c] + bias[c]);
      norm.dgain[c] += dout[r * cols + c] * xhat(c);
      norm.dbias[c] += dout[r * cols + c];
    }
    for (int64_t c = 0; c < cols; ++c) {
      const double g = double{dout[r * cols + c]} * double{gain[c]};
      norm.dx.push_back(rstd * (g - g_mean - xhat(c) * g_xhat_mean));
    }
  }
  return norm;
}

// The inputs are below 1, so a mean of `cols` of them is off by at most a few
// epsilons, which rstd magnifies; dx multiplies by rstd once more. Eight
// vectors' worth of roundings are the longest chain of a sum here.
std::vector<Expected> NormTolerance(const std::vector<double>& values,
                                    const Norm& norm, int64_t cols, int power,
                                    double base = 0) {
  std::vector<Expected> expected;
  for (size_t i = 0; i < values.size(); ++i) {
    const double magnified = std::pow(1 + norm.rstd[i / cols], power);
    expected.push_back({values[i] + base, 16 * kEpsilon * magnified});
  }
  return expected;
}

// Of gain and bias, added to what was there. A sum over rows adds at most nine
// terms.
std::pair<std::vector<Expected>, std::vector<Expected>> WeightGradients(
    const Norm& norm, int64_t cols, double gain_before, double bias_before) {
  const double worst =
      std::max(1.0, *std::max_element(norm.rstd.begin(), norm.rstd.end()));
  std::vector<Expected> gain;
  std::vector<Expected> bias;
  for (int64_t c = 0; c < cols; ++c) {
    gain.push_back(
        {gain_before + norm.dgain[c], 16 * kEpsilon * 10 * (1 + worst)});
    bias.push_back({bias_before + norm.dbias[c], 10 * kEpsilon * 11});
  }
  return {gain, bias};
}

TEST_P(RowsConformance, LayerNormMatchesFloat64ForwardAndBackward) {
  for (const int64_t rows : {1, 3, 9}) {
    for (const int64_t cols : kWidths) {
      SCOPED_TRACE(testing::Message() << rows << " x " << cols);
      const auto x = RandomFloats(rows * cols, 1);
      const auto gain = RandomFloats(cols, 2);
      const auto bias = RandomFloats(cols, 3);
      const auto dout = RandomFloats(rows * cols, 4);
      const Norm norm = NormOracle(rows, cols, x, gain, bias, dout);
      DeviceBuffer device_x = Upload(x);
      DeviceBuffer device_gain = Upload(gain);
      DeviceBuffer device_bias = Upload(bias);
      DeviceBuffer device_dout = Upload(dout);
      DeviceBuffer out = Poison(rows * cols);
      DeviceBuffer mean = Poison(rows);
      DeviceBuffer rstd = Poison(rows);
      const auto matrix = [&](const DeviceBuffer& buffer) {
        return Float32(buffer.floats(), rows, cols);
      };
      ASSERT_TRUE(backend_
                      ->LayerNorm(matrix(device_x), device_gain.floats(),
                                  device_bias.floats(), kNormEpsilon,
                                  matrix(out), mean.floats(), rstd.floats())
                      .ok());
      ExpectNear(out, NormTolerance(norm.out, norm, cols, 1));

      const auto backward = [&](ConstTensor d, ConstTensor addend, Tensor dx) {
        return backend_->LayerNormBackwardInput(
            d, matrix(device_x), mean.floats(), rstd.floats(),
            device_gain.floats(), addend, dx);
      };
      DeviceBuffer dx = Poison(rows * cols);
      ASSERT_TRUE(backward(matrix(device_dout), {}, matrix(dx)).ok());
      ExpectNear(dx, NormTolerance(norm.dx, norm, cols, 2));
      // dx may be the addend, and it may be dout.
      DeviceBuffer ones = Upload(std::vector<float>(rows * cols, 1.0f));
      ASSERT_TRUE(
          backward(matrix(device_dout), matrix(ones), matrix(ones)).ok());
      ExpectNear(ones, NormTolerance(norm.dx, norm, cols, 2, /*base=*/1));
      DeviceBuffer in_place = Upload(dout);
      ASSERT_TRUE(backward(matrix(in_place), {}, matrix(in_place)).ok());
      ExpectSameBits(in_place, dx);

      // += : on top of ones and twos.
      DeviceBuffer dgain = Upload(std::vector<float>(cols, 1.0f));
      DeviceBuffer dbias = Upload(std::vector<float>(cols, 2.0f));
      DeviceBuffer again = Poison(rows * cols);
      ASSERT_TRUE(backend_
                      ->LayerNormBackwardWeight(
                          matrix(device_dout), matrix(device_x), mean.floats(),
                          rstd.floats(), device_gain.floats(),
                          device_bias.floats(), matrix(again), dgain.floats(),
                          dbias.floats())
                      .ok());
      ExpectSameBits(out, again);
      const auto [expected_gain, expected_bias] =
          WeightGradients(norm, cols, /*gain_before=*/1, /*bias_before=*/2);
      ExpectNear(dgain, expected_gain);
      ExpectNear(dbias, expected_bias);
    }
  }
}

// 2 u of the tanh form.
double TwoU(double x) {
  return 2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
}

// The exponent 2 u is off by at most four of its own epsilons, so its exp is by
// 4 |2 u|; eight for the other operations. Below the normal numbers nothing is
// promised.
TEST_P(RowsConformance, GeluMatchesFloat64FarIntoTheTails) {
  for (const int64_t count : kWidths) {
    auto x = RandomFloats(count, 1);
    for (float& value : x) value *= 9;
    const auto dout = RandomFloats(count, 2);
    std::vector<Expected> expected_out;
    std::vector<Expected> expected_dx;
    for (int64_t i = 0; i < count; ++i) {
      const double v = x[i];
      const double gate = 1 / (1 + std::exp(-TwoU(v)));
      const double relative = (4 * std::abs(TwoU(v)) + 8) * kEpsilon;
      expected_out.push_back({v * gate, relative * std::abs(v * gate) + 1e-37});
      const double slope = 2 * std::sqrt(2 / M_PI) * (1 + 3 * 0.044715 * v * v);
      // s and x s (1 - s) 2 u' nearly cancel where gelu' crosses zero.
      const double bend = v * gate * (1 - gate) * slope;
      expected_dx.push_back({dout[i] * (gate + bend),
                             relative * (gate + std::abs(bend)) + 1e-37});
    }
    DeviceBuffer device_x = Upload(x);
    DeviceBuffer out = Poison(count);
    const auto row = [&](const DeviceBuffer& buffer) {
      return Float32(buffer.floats(), 1, count);
    };
    ASSERT_TRUE(backend_->Gelu(row(device_x), row(out)).ok());
    ExpectNear(out, expected_out);
    DeviceBuffer in_place = Upload(x);
    ASSERT_TRUE(backend_->Gelu(row(in_place), row(in_place)).ok());
    ExpectSameBits(in_place, out);

    DeviceBuffer gradient = Upload(dout);  // dx is dout.
    DeviceBuffer again = Poison(count);
    DeviceBuffer sums = Upload(std::vector<float>(count, 0.0f));
    ASSERT_TRUE(backend_
                    ->GeluBackward(row(gradient), row(device_x), row(gradient),
                                   row(again), sums.floats())
                    .ok());
    ExpectNear(gradient, expected_dx);
    ExpectSameBits(again, out);
    ExpectSameBits(sums, gradient);  // Of one row.
  }
}

TEST_P(RowsConformance, GeluBackwardAddsItsGradientsUp) {
  for (const int64_t cols : kWidths) {
    const int64_t rows = 77;
    DeviceBuffer x = Upload(RandomFloats(rows * cols, 1));
    DeviceBuffer dout = Upload(RandomFloats(rows * cols, 2));
    DeviceBuffer out = Poison(rows * cols);
    const std::vector<float> base = RandomFloats(cols, 3);
    DeviceBuffer sums = Upload(base);
    const auto matrix = [&](const DeviceBuffer& buffer) {
      return Float32(buffer.floats(), rows, cols);
    };
    ASSERT_TRUE(backend_
                    ->GeluBackward(matrix(dout), matrix(x), matrix(dout),
                                   matrix(out), sums.floats())
                    .ok());
    const std::vector<float> dx = dout.Read();
    std::vector<Expected> expected;
    for (int64_t c = 0; c < cols; ++c) {
      double sum = base[c];
      double magnitude = std::abs(sum);
      for (int64_t r = 0; r < rows; ++r) {
        sum += dx[r * cols + c];
        magnitude += std::abs(dx[r * cols + c]);
      }
      expected.push_back({sum, rows * kEpsilon * magnitude});
    }
    ExpectNear(sums, expected);
  }
}

TEST_P(RowsConformance, GeluIsTheIdentityOrZeroFarOut) {
  DeviceBuffer x = Upload(std::vector<float>{1e4f, -1e4f, 0.0f, -30.0f});
  DeviceBuffer out = Poison(4);
  ASSERT_TRUE(
      backend_->Gelu(Float32(x.floats(), 2, 2), Float32(out.floats(), 2, 2))
          .ok());
  const auto values = out.Read();
  EXPECT_EQ(values[0], 1e4f);
  EXPECT_NEAR(values[1], 0, 1e-30);
  EXPECT_EQ(values[2], 0);
  EXPECT_NEAR(values[3], 0, 1e-30);
}

TEST_P(RowsConformance, EmbeddingAddsRowsOfBothTablesExactly) {
  for (const int64_t cols : kWidths) {
    const std::vector<int32_t> tokens = {4, 0, 4, 2, 4, 1};
    const int64_t rows = std::ssize(tokens);
    const auto table = RandomFloats(5 * cols, 1);
    const auto positions = RandomFloats(4 * cols, 2);
    DeviceBuffer device_tokens = Upload(tokens);
    DeviceBuffer device_table = Upload(table);
    DeviceBuffer device_positions = Upload(positions);
    DeviceBuffer out = Poison(rows * cols);
    ASSERT_TRUE(backend_
                    ->Embedding(device_tokens.integers(), /*sequence=*/3,
                                Float32(device_table.floats(), 5, cols),
                                Float32(device_positions.floats(), 4, cols),
                                Float32(out.floats(), rows, cols))
                    .ok());
    const auto dout = RandomFloats(rows * cols, 3);
    DeviceBuffer device_dout = Upload(dout);
    DeviceBuffer d_table = Upload(table);
    DeviceBuffer d_positions = Upload(positions);
    ASSERT_TRUE(
        backend_
            ->EmbeddingBackward(device_tokens.integers(), 3,
                                Float32(device_dout.floats(), rows, cols),
                                Float32(d_table.floats(), 5, cols),
                                Float32(d_positions.floats(), 4, cols))
            .ok());
    const auto actual = out.Read();
    auto expected_table = table;
    auto expected_positions = positions;
    for (int64_t i = 0; i < rows * cols; ++i) {
      const int64_t c = i % cols;
      const int64_t token = tokens[i / cols] * cols + c;
      const int64_t position = i / cols % 3 * cols + c;
      ASSERT_EQ(actual[i], table[token] + positions[position]);
      expected_table[token] += dout[i];  // In the promised order: exact.
      expected_positions[position] += dout[i];
    }
    ASSERT_EQ(d_table.Read(), expected_table);
    ASSERT_EQ(d_positions.Read(), expected_positions);
  }
}

// As in text, where some tokens are in every sentence.
TEST_P(RowsConformance, EmbeddingBackwardKeepsTheOrderOfManyRowsOfOneToken) {
  const int64_t rows = 1500;
  const int64_t cols = 37;
  std::vector<int32_t> tokens;
  for (int64_t r = 0; r < rows; ++r) {
    tokens.push_back(r % 3 == 0 ? 7 : static_cast<int32_t>(r * 31 % 100));
  }
  const auto dout = RandomFloats(rows * cols, 1);
  auto expected = RandomFloats(100 * cols, 2);
  DeviceBuffer device_tokens = Upload(tokens);
  DeviceBuffer device_dout = Upload(dout);
  DeviceBuffer d_table = Upload(expected);
  ASSERT_TRUE(backend_
                  ->EmbeddingBackward(device_tokens.integers(), /*sequence=*/5,
                                      Float32(device_dout.floats(), rows, cols),
                                      Float32(d_table.floats(), 100, cols), {})
                  .ok());
  for (int64_t i = 0; i < rows * cols; ++i) {
    expected[tokens[i / cols] * cols + i % cols] += dout[i];
  }
  EXPECT_EQ(d_table.Read(), expected);
}

TEST_P(RowsConformance, CrossEntropyMatchesFloat64AlsoWithExtremeLogits) {
  for (const int64_t cols : kWidths) {
    for (const float magnitude : {1.0f, 1e4f}) {
      const int64_t rows = 3;
      auto logits = RandomFloats(rows * cols, 1);
      for (float& logit : logits) logit *= magnitude;
      const std::vector<int32_t> labels = {0, static_cast<int32_t>(cols / 2),
                                           static_cast<int32_t>(cols - 1)};
      const double scale = 0.25;
      std::vector<Expected> gradients;
      std::vector<Expected> losses;
      for (int64_t r = 0; r < rows; ++r) {
        const float* row = &logits[r * cols];
        const double max = *std::max_element(row, row + cols);
        double sum = 0;
        for (int64_t c = 0; c < cols; ++c) sum += std::exp(row[c] - max);
        const double loss = std::log(sum) + max - row[labels[r]];
        // A loss is a float32; its sum has at most nine vectors' roundings. The
        // difference of logits is exact or off by an epsilon of itself, which
        // only counts where its exp is not yet zero: up to 100.
        losses.push_back({loss, kEpsilon * (16 + std::abs(loss))});
        for (int64_t c = 0; c < cols; ++c) {
          const double one = c == labels[r] ? 1 : 0;
          gradients.push_back({scale * (std::exp(row[c] - max) / sum - one),
                               scale * kEpsilon * 100});
        }
      }
      DeviceBuffer device = Upload(logits);
      DeviceBuffer device_labels = Upload(labels);
      DeviceBuffer device_losses = Poison(rows);
      ASSERT_TRUE(backend_
                      ->CrossEntropy(Float32(device.floats(), rows, cols),
                                     device_labels.integers(), 0.25f,
                                     device_losses.floats())
                      .ok());
      ExpectNear(device_losses, losses);
      ExpectNear(device, gradients);
    }
  }
}

TEST_P(RowsConformance, SumsAddToWhatIsThere) {
  for (const int64_t rows : {0, 1, 8, 19}) {
    for (const int64_t cols : kWidths) {
      const auto x = RandomFloats(rows * cols, 1);
      const auto base = RandomFloats(cols, 2);
      std::vector<Expected> expected;
      for (int64_t c = 0; c < cols; ++c) {
        double sum = base[c];
        for (int64_t r = 0; r < rows; ++r) sum += x[r * cols + c];
        const auto terms = static_cast<double>(rows + 1);
        expected.push_back({sum, terms * terms * kEpsilon});
      }
      DeviceBuffer device = Upload(x);
      DeviceBuffer sums = Upload(base);
      ASSERT_TRUE(
          backend_
              ->ColumnSums(Float32(device.floats(), rows, cols), sums.floats())
              .ok());
      ExpectNear(sums, expected);

      // One addition each: exact.
      DeviceBuffer total = Upload(base);
      ASSERT_TRUE(
          backend_->Accumulate(sums.floats(), cols, total.floats()).ok());
      const auto added = sums.Read();
      const auto actual = total.Read();
      for (int64_t c = 0; c < cols; ++c) {
        ASSERT_EQ(actual[c], base[c] + added[c]);
      }
    }
  }
}

TEST_P(RowsConformance, CopiesAndZeroesBytes) {
  auto from = backend_->Allocate(300);
  auto to = backend_->Allocate(300);
  ASSERT_TRUE(from.ok() && to.ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(*from) % 256, 0u);
  std::vector<std::byte> host(300);
  for (int i = 0; i < 300; ++i) host[i] = static_cast<std::byte>(i % 251);
  std::vector<std::byte> read(300);
  ASSERT_TRUE(backend_->CopyIn(host, *from).ok());
  ASSERT_TRUE(backend_->Zero(*to, 300).ok());
  ASSERT_TRUE(backend_->Copy(*from, *to, 100).ok());
  ASSERT_TRUE(backend_->CopyOut(*to, read).ok());
  ASSERT_TRUE(backend_->Synchronize().ok());
  std::memset(host.data() + 100, 0, 200);
  EXPECT_EQ(read, host);
  EXPECT_EQ(backend_->Zero(*to, -1).code(), absl::StatusCode::kInvalidArgument);
  backend_->Free(*from);
  backend_->Free(*to);
}

TEST_P(RowsConformance, RejectsShapesThatDiffer) {
  DeviceBuffer memory = Poison(64);
  float* const data = memory.floats();
  const Tensor a = Float32(data, 1, 2);
  const Tensor b = Float32(data, 2, 1);
  const std::vector<int32_t> tokens = {0, 0};
  DeviceBuffer device_tokens = Upload(tokens);
  const auto code = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(backend_->Gelu(a, b).code(), code);
  EXPECT_EQ(backend_->GeluBackward(a, a, a, b, data).code(), code);
  EXPECT_EQ(backend_->LayerNorm(a, data, data, 1e-5f, b, data, data).code(),
            code);
  EXPECT_EQ(
      backend_->LayerNormBackwardInput(a, b, data, data, data, {}, a).code(),
      code);
  for (const auto& [x, out] : {std::pair(b, a), std::pair(a, b)}) {
    EXPECT_EQ(backend_
                  ->LayerNormBackwardWeight(a, x, data, data, data, data, out,
                                            data, data)
                  .code(),
              code);
  }
  EXPECT_EQ(backend_->Embedding(device_tokens.integers(), 1, a, b, a).code(),
            code);
  EXPECT_EQ(backend_->Accumulate(data, -1, data).code(), code);
  EXPECT_EQ(backend_
                ->CrossEntropy(Float32(data, -1, 2), device_tokens.integers(),
                               1, data)
                .code(),
            code);
  EXPECT_EQ(backend_->AdamW({.count = 1, .step = 0}).code(), code);
}

INSTANTIATE_TEST_SUITE_P(AllBackends, RowsConformance,
                         testing::Values("cpu", "cuda"), BackendName);

}  // namespace
}  // namespace penstock
