// What Llama needs besides GPT-2's operations, against float64: RMS norm,
// SwiGLU, rotary positions, an embedding without positions.

#include <algorithm>

#include "tests/conformance/backend_conformance.h"

namespace penstock {
namespace {

class LlamaConformance : public BackendConformance {};

constexpr float kNormEpsilon = 1e-5f;

// RMS norm of one matrix in float64, with its gradients.
struct Norm {
  std::vector<double> out, dx, dgain, rstd;
};

Norm NormOracle(int64_t rows, int64_t cols, const std::vector<float>& x,
                const std::vector<float>& gain,
                const std::vector<float>& dout) {
  Norm norm{.dgain = std::vector<double>(cols)};
  const auto n = static_cast<double>(cols);
  for (int64_t r = 0; r < rows; ++r) {
    double mean_square = 0;
    for (int64_t c = 0; c < cols; ++c) {
      mean_square += std::pow(double{x[r * cols + c]}, 2) / n;
    }
    const double rstd = 1 / std::sqrt(mean_square + double{kNormEpsilon});
    norm.rstd.push_back(rstd);
    double g_xhat_mean = 0;
    for (int64_t c = 0; c < cols; ++c) {
      const double xhat = x[r * cols + c] * rstd;
      const double d = dout[r * cols + c];
      g_xhat_mean += d * gain[c] * xhat / n;
      norm.out.push_back(xhat * gain[c]);
      norm.dgain[c] += d * xhat;
    }
    for (int64_t c = 0; c < cols; ++c) {
      const double g = double{dout[r * cols + c]} * double{gain[c]};
      norm.dx.push_back(rstd * (g - x[r * cols + c] * rstd * g_xhat_mean));
    }
  }
  return norm;
}

// Eight vectors' worth of roundings are the longest chain of a sum here; rstd
// magnifies what the inputs, which are below 1, and their sums are off by.
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

TEST_P(LlamaConformance, RmsNormMatchesFloat64ForwardAndBackward) {
  for (const int64_t rows : {1, 3, 9}) {
    for (const int64_t cols : kWidths) {
      SCOPED_TRACE(testing::Message() << rows << " x " << cols);
      const auto x = RandomFloats(rows * cols, 1);
      const auto gain = RandomFloats(cols, 2);
      const auto dout = RandomFloats(rows * cols, 4);
      const Norm norm = NormOracle(rows, cols, x, gain, dout);
      DeviceBuffer device_x = Upload(x);
      DeviceBuffer device_gain = Upload(gain);
      DeviceBuffer device_dout = Upload(dout);
      DeviceBuffer out = Poison(rows * cols);
      DeviceBuffer rstd = Poison(rows);
      const auto matrix = [&](const DeviceBuffer& buffer) {
        return Float32(buffer.floats(), rows, cols);
      };
      ASSERT_TRUE(backend_
                      ->RmsNorm(matrix(device_x), device_gain.floats(),
                                kNormEpsilon, matrix(out), rstd.floats())
                      .ok());
      ExpectNear(out, NormTolerance(norm.out, norm, cols, 1));

      const auto backward = [&](ConstTensor d, ConstTensor addend, Tensor dx) {
        return backend_->RmsNormBackwardInput(d, matrix(device_x),
                                              rstd.floats(),
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

      // += : on top of ones. At most nine terms.
      DeviceBuffer dgain = Upload(std::vector<float>(cols, 1.0f));
      DeviceBuffer again = Poison(rows * cols);
      ASSERT_TRUE(backend_
                      ->RmsNormBackwardWeight(
                          matrix(device_dout), matrix(device_x), rstd.floats(),
                          device_gain.floats(), matrix(again), dgain.floats())
                      .ok());
      ExpectSameBits(out, again);
      const double worst =
          1 + *std::max_element(norm.rstd.begin(), norm.rstd.end());
      std::vector<Expected> expected;
      for (const double gradient : norm.dgain) {
        expected.push_back({1 + gradient, 160 * kEpsilon * worst});
      }
      ExpectNear(dgain, expected);
    }
  }
}

TEST_P(LlamaConformance, RmsNormOfZerosIsZero) {
  DeviceBuffer x = DeviceBuffer::Zeros(*backend_, 5);
  DeviceBuffer gain = Upload(std::vector<float>(5, 2.0f));
  DeviceBuffer out = Poison(5);
  DeviceBuffer rstd = Poison(1);
  ASSERT_TRUE(backend_
                  ->RmsNorm(Float32(x.floats(), 1, 5), gain.floats(),
                            kNormEpsilon, Float32(out.floats(), 1, 5),
                            rstd.floats())
                  .ok());
  EXPECT_EQ(out.Read(), std::vector<float>(5, 0.0f));
  EXPECT_NEAR(rstd.Read()[0], 1 / std::sqrt(kNormEpsilon), 1e-3);
}

// The exponent of the sigmoid is off by four of its own epsilons, so its exp is
// by 4 |g|; ten for the other operations. Below the normal numbers nothing is
// promised.
TEST_P(LlamaConformance, SwiGluMatchesFloat64FarIntoTheTails) {
  for (const int64_t count : kWidths) {
    SCOPED_TRACE(count);
    auto gate = RandomFloats(count, 1);
    for (float& value : gate) value *= 40;
    const auto up = RandomFloats(count, 2);
    const auto dout = RandomFloats(count, 3);
    std::vector<Expected> out64;
    std::vector<Expected> dgate64;
    std::vector<Expected> dup64;
    for (int64_t i = 0; i < count; ++i) {
      const double g = gate[i];
      const double sigmoid = 1 / (1 + std::exp(-g));
      const double relative = (4 * std::abs(g) + 10) * kEpsilon;
      const auto expect = [&](double value, double size) {
        return Expected{value, relative * std::abs(size) + 1e-37};
      };
      const double silu = g * sigmoid;
      // s and silu (1 - s) nearly cancel where silu' crosses zero.
      const double bend = silu * (1 - sigmoid);
      const double d_up = double{dout[i]} * double{up[i]};
      out64.push_back(expect(silu * up[i], silu * up[i]));
      dgate64.push_back(
          expect(d_up * (sigmoid + bend), d_up * (sigmoid + std::abs(bend))));
      dup64.push_back(expect(dout[i] * silu, dout[i] * silu));
    }
    const auto row = [&](const DeviceBuffer& buffer) {
      return Float32(buffer.floats(), 1, count);
    };
    DeviceBuffer device_gate = Upload(gate);
    DeviceBuffer device_up = Upload(up);
    DeviceBuffer device_dout = Upload(dout);
    DeviceBuffer out = Poison(count);
    ASSERT_TRUE(
        backend_->SwiGlu(row(device_gate), row(device_up), row(out)).ok());
    ExpectNear(out, out64);
    DeviceBuffer over_gate = Upload(gate);
    ASSERT_TRUE(
        backend_->SwiGlu(row(over_gate), row(device_up), row(over_gate)).ok());
    ExpectSameBits(over_gate, out);
    DeviceBuffer over_up = Upload(up);
    ASSERT_TRUE(
        backend_->SwiGlu(row(device_gate), row(over_up), row(over_up)).ok());
    ExpectSameBits(over_up, out);

    DeviceBuffer dgate = Poison(count);
    DeviceBuffer dup = Poison(count);
    DeviceBuffer again = Poison(count);
    const auto backward = [&](const DeviceBuffer& d, const DeviceBuffer& left,
                              const DeviceBuffer& right) {
      return backend_->SwiGluBackward(row(d), row(device_gate), row(device_up),
                                      row(left), row(right), row(again));
    };
    ASSERT_TRUE(backward(device_dout, dgate, dup).ok());
    ExpectNear(dgate, dgate64);
    ExpectNear(dup, dup64);
    ExpectSameBits(again, out);
    // dgate may be dout, and dup may be.
    DeviceBuffer over_dout = Upload(dout);
    DeviceBuffer other = Poison(count);
    ASSERT_TRUE(backward(over_dout, over_dout, other).ok());
    ExpectSameBits(over_dout, dgate);
    ExpectSameBits(other, dup);
    ASSERT_TRUE(backward(device_dout, other, device_dout).ok());
    ExpectSameBits(other, dgate);
    ExpectSameBits(device_dout, dup);
  }
}

TEST_P(LlamaConformance, SwiGluIsTheProductOrZeroFarOut) {
  DeviceBuffer gate = Upload(std::vector<float>{1e4f, -1e4f, 0.0f, -80.0f});
  DeviceBuffer up = Upload(std::vector<float>{2.0f, 2.0f, 2.0f, 2.0f});
  DeviceBuffer out = Poison(4);
  ASSERT_TRUE(backend_
                  ->SwiGlu(Float32(gate.floats(), 2, 2),
                           Float32(up.floats(), 2, 2),
                           Float32(out.floats(), 2, 2))
                  .ok());
  const auto values = out.Read();
  EXPECT_EQ(values[0], 2e4f);
  EXPECT_NEAR(values[1], 0, 1e-30);
  EXPECT_EQ(values[2], 0);
  EXPECT_NEAR(values[3], 0, 1e-30);
}

std::vector<double> Frequencies(int64_t head_dim) {
  std::vector<double> frequencies;
  for (int64_t i = 0; i < head_dim; i += 2) {
    const auto exponent = -static_cast<double>(i);
    frequencies.push_back(
        std::pow(10000.0, exponent / static_cast<double>(head_dim)));
  }
  return frequencies;
}

// x turned as complex numbers in float64. Each result is two products of a
// value below 1 with a rounded cosine or sine.
std::vector<Expected> Turned(const RopeShape& shape, int64_t cols,
                             const std::vector<float>& x) {
  std::vector<Expected> turned;
  for (size_t i = 0; i < x.size(); ++i) {
    const auto row = static_cast<int64_t>(i) / cols;
    const int64_t column = static_cast<int64_t>(i) % shape.head_dim;
    const int64_t half = shape.head_dim / 2;
    const auto position =
        static_cast<double>(shape.before + row % shape.sequence);
    const double angle = position * shape.frequencies[column % half];
    const double value =
        column < half ? x[i] * std::cos(angle) - x[i + half] * std::sin(angle)
                      : x[i] * std::cos(angle) + x[i - half] * std::sin(angle);
    turned.push_back({value, 4 * kEpsilon});
  }
  return turned;
}

TEST_P(LlamaConformance, RopeTurnsPairsByTheirPosition) {
  for (const int64_t head_dim : {2, 6, 16, 34, 64, 128}) {
    for (const int64_t before : {0, 7, 100000}) {
      SCOPED_TRACE(testing::Message() << head_dim << " after " << before);
      const std::vector<double> frequencies = Frequencies(head_dim);
      const RopeShape shape{.sequence = 5,
                            .head_dim = head_dim,
                            .before = before,
                            .frequencies = frequencies.data()};
      const int64_t rows = 10;
      const int64_t cols = 3 * head_dim;
      const auto x = RandomFloats(rows * cols, 1);
      DeviceBuffer buffer = Upload(x);
      ASSERT_TRUE(
          backend_->Rope(shape, Float32(buffer.floats(), rows, cols)).ok());
      ExpectNear(buffer, Turned(shape, cols, x));
      // And back. Two roundings each way.
      ASSERT_TRUE(
          backend_->RopeBackward(shape, Float32(buffer.floats(), rows, cols))
              .ok());
      std::vector<Expected> back;
      for (const float value : x) back.push_back({value, 8 * kEpsilon});
      ExpectNear(buffer, back);
    }
  }
}

// As in a model, where values lie beside queries and keys.
TEST_P(LlamaConformance, RopeLeavesOtherColumnsAsTheyAre) {
  const std::vector<double> frequencies = Frequencies(4);
  const RopeShape shape{.sequence = 2,
                        .head_dim = 4,
                        .before = 3,
                        .frequencies = frequencies.data()};
  const auto x = RandomFloats(2 * 12, 1);
  DeviceBuffer buffer = Upload(x);
  ASSERT_TRUE(
      backend_->Rope(shape, Columns(Float32(buffer.floats(), 2, 12), 0, 8))
          .ok());
  const auto turned = buffer.Read();
  for (int64_t row = 0; row < 2; ++row) {
    for (int64_t c = 0; c < 12; ++c) {
      const int64_t i = row * 12 + c;
      EXPECT_EQ(turned[i] == x[i], c >= 8) << i;
    }
  }
}

TEST_P(LlamaConformance, EmbeddingWithoutPositionsCopiesRows) {
  for (const int64_t cols : kWidths) {
    const std::vector<int32_t> tokens = {4, 0, 4, 2};
    const int64_t rows = std::ssize(tokens);
    const auto table = RandomFloats(5 * cols, 1);
    const auto dout = RandomFloats(rows * cols, 2);
    DeviceBuffer device_tokens = Upload(tokens);
    DeviceBuffer device_table = Upload(table);
    DeviceBuffer device_dout = Upload(dout);
    DeviceBuffer out = Poison(rows * cols);
    ASSERT_TRUE(backend_
                    ->Embedding(device_tokens.integers(), /*sequence=*/2,
                                Float32(device_table.floats(), 5, cols), {},
                                Float32(out.floats(), rows, cols))
                    .ok());
    DeviceBuffer gradient = Upload(table);
    ASSERT_TRUE(
        backend_
            ->EmbeddingBackward(device_tokens.integers(), /*sequence=*/2,
                                Float32(device_dout.floats(), rows, cols),
                                Float32(gradient.floats(), 5, cols), {})
            .ok());
    std::vector<float> expected;
    std::vector<float> expected_gradient = table;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        expected.push_back(table[tokens[r] * cols + c]);
        expected_gradient[tokens[r] * cols + c] += dout[r * cols + c];
      }
    }
    ASSERT_EQ(out.Read(), expected);
    ASSERT_EQ(gradient.Read(), expected_gradient);
  }
}

TEST_P(LlamaConformance, RejectsShapesThatDiffer) {
  DeviceBuffer memory = Poison(64);
  float* const data = memory.floats();
  const Tensor a = Float32(data, 1, 2);
  const Tensor b = Float32(data, 2, 1);
  const double frequency = 1;
  const RopeShape shape{
      .sequence = 1, .head_dim = 2, .frequencies = &frequency};
  const auto code = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(backend_->SwiGlu(a, b, a).code(), code);
  EXPECT_EQ(backend_->SwiGluBackward(a, a, a, a, b, a).code(), code);
  EXPECT_EQ(backend_->RmsNorm(a, data, 1e-5f, b, data).code(), code);
  EXPECT_EQ(backend_->RmsNormBackwardInput(a, b, data, data, {}, a).code(),
            code);
  for (const auto& [x, out] : {std::pair(b, a), std::pair(a, b)}) {
    EXPECT_EQ(
        backend_->RmsNormBackwardWeight(a, x, data, data, out, data).code(),
        code);
  }
  EXPECT_EQ(backend_->Rope(shape, b).code(), code);
  EXPECT_EQ(backend_->RopeBackward(shape, b).code(), code);
}

INSTANTIATE_TEST_SUITE_P(AllBackends, LlamaConformance,
                         testing::Values("cpu", "cuda"), BackendName);

}  // namespace
}  // namespace penstock
