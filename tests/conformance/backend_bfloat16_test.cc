// Every operation on bfloat16 tensors does what it does on float32 ones, which
// the other suites hold to float64, and rounds what it stores once.

#include <deque>
#include <functional>

#include "proto/base/status_macros.h"
#include "tests/conformance/backend_conformance.h"

namespace penstock {
namespace {

// Rows beyond a block of any kernel, columns of no whole vector.
constexpr int64_t kRows = 37;
constexpr int64_t kCols = 46;
constexpr float kNormEpsilon = 1e-5f;

// Half a unit in the last of 8 bits, and as much again for values that differ
// just before they are rounded.
constexpr double kRounding = 1.0 / 256;
constexpr double kFloat32Error = 2e-5;

float Widened(uint16_t half) {
  return std::bit_cast<float>(uint32_t{half} << 16);
}

uint16_t UpperHalf(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}

// The operands of one operation in either type, with equal values.
class Operands {
 public:
  Operands(Backend& backend, DataType type) : backend_(backend), type_(type) {}

  // Of values that bfloat16 has.
  Tensor Random(int64_t rows, int64_t cols) {
    std::vector<float> values = RandomFloats(rows * cols, ++seed_);
    for (float& value : values) value = Widened(UpperHalf(value));
    return Add(type_, values, rows, cols);
  }

  Tensor Blank(int64_t rows, int64_t cols) {
    return Add(type_, std::vector<float>(rows * cols, NAN), rows, cols);
  }

  // float32 whatever the type, in [0.5, 1.5).
  Tensor Float32Matrix(int64_t rows, int64_t cols) {
    std::vector<float> values = RandomFloats(rows * cols, ++seed_);
    for (float& value : values) value = 0.5f + value * value;
    return Add(DataType::kFloat32, values, rows, cols);
  }
  float* Floats(int64_t count) { return Float32Matrix(1, count).as<float>(); }

  // float32 whatever the type, of values that bfloat16 has.
  float* NarrowFloats(int64_t count) {
    std::vector<float> values = RandomFloats(count, ++seed_);
    for (float& value : values) value = Widened(UpperHalf(value));
    return Add(DataType::kFloat32, values, 1, count).as<float>();
  }

  const int32_t* Indices(int64_t count, int64_t limit) {
    std::vector<int32_t> values;
    for (int64_t i = 0; i < count; ++i) {
      values.push_back(static_cast<int32_t>(i * 7 % limit));
    }
    indices_.push_back(
        DeviceBuffer::Of(backend_, std::span<const int32_t>(values)));
    return indices_.back().integers();
  }

  // Of all operands in the order in which they were asked for.
  std::vector<float> Values() const {
    std::vector<float> all;
    for (const Operand& operand : operands_) {
      EXPECT_TRUE(operand.buffer.GuardIsIntact());
      const size_t end = all.size() + operand.count;
      for (const float value : operand.buffer.Read()) {
        if (operand.type == DataType::kFloat32) {
          all.push_back(value);
          continue;
        }
        const uint32_t pair = std::bit_cast<uint32_t>(value);
        all.push_back(Widened(static_cast<uint16_t>(pair)));
        all.push_back(Widened(static_cast<uint16_t>(pair >> 16)));
      }
      all.resize(end);  // Halves come in pairs.
    }
    return all;
  }

 private:
  struct Operand {
    DeviceBuffer buffer;
    DataType type;
    size_t count;
  };

  Tensor Add(DataType type, const std::vector<float>& values, int64_t rows,
             int64_t cols) {
    std::vector<float> stored = values;
    if (type == DataType::kBFloat16) {
      stored.assign((values.size() + 1) / 2, 0);
      for (size_t i = 0; i < values.size(); ++i) {
        const uint32_t half = UpperHalf(values[i]);
        float& pair = stored[i / 2];
        pair = std::bit_cast<float>(std::bit_cast<uint32_t>(pair) |
                                    half << (i % 2 * 16));
      }
    }
    operands_.push_back(
        {DeviceBuffer::Of(backend_, std::span<const float>(stored)), type,
         values.size()});
    return {operands_.back().buffer.data(), rows, cols, cols, type};
  }

  Backend& backend_;
  const DataType type_;
  uint64_t seed_ = 0;
  std::deque<Operand> operands_;
  std::deque<DeviceBuffer> indices_;
};

class BFloat16Conformance : public BackendConformance {
 protected:
  using Operation = std::function<absl::Status(Operands&)>;

  // Runs `operation` on either type and compares all that is in its operands,
  // which may differ by `error` before they are rounded.
  void Compare(const Operation& operation, double error = kFloat32Error) {
    std::vector<float> values[2];
    for (const DataType type : {DataType::kFloat32, DataType::kBFloat16}) {
      Operands operands(*backend_, type);
      const absl::Status status = operation(operands);
      if (absl::IsUnimplemented(status)) GTEST_SKIP() << status.message();
      ASSERT_TRUE(status.ok()) << status;
      ASSERT_TRUE(backend_->Synchronize().ok());
      values[static_cast<int>(type)] = operands.Values();
    }
    ASSERT_EQ(values[0].size(), values[1].size());
    for (size_t i = 0; i < values[0].size(); ++i) {
      const double wide = values[0][i];
      ASSERT_NEAR(values[1][i], wide, error + kRounding * std::abs(wide))
          << "value " << i;
    }
  }
};

TEST_P(BFloat16Conformance, RoundsToNearestEvenAndKeepsNaN) {
  // x + 0: halfway below and above an even one, just off halfway, overflow.
  const std::vector<float> exact = {
      1.00390625f, 1.01171875f, 1.0039064f, -1.0039062f,
      3.4e38f,     0.1f,        1e-40f,     std::bit_cast<float>(0x7fffffffu)};
  const std::vector<uint16_t> rounded = {0x3f80, 0x3f82, 0x3f81, 0xbf80,
                                         0x7f80, 0x3dcd, 0x0001};
  DeviceBuffer positions = Upload(exact);
  DeviceBuffer tokens = Upload(std::vector<float>(exact.size()));
  DeviceBuffer zero = Upload(std::vector<int32_t>{0});
  DeviceBuffer out = Poison((std::ssize(exact) + 1) / 2);
  const int64_t cols = std::ssize(exact);
  const absl::Status status =
      backend_->Embedding(zero.integers(), 1, Float32(tokens.floats(), 1, cols),
                          Float32(positions.floats(), 1, cols),
                          {out.data(), 1, cols, cols, DataType::kBFloat16});
  if (absl::IsUnimplemented(status)) GTEST_SKIP() << status.message();
  ASSERT_TRUE(status.ok()) << status;
  const std::vector<float> pairs = out.Read();
  const auto half = [&](size_t i) {
    const uint32_t pair = std::bit_cast<uint32_t>(pairs[i / 2]);
    return static_cast<uint16_t>(pair >> (i % 2 * 16));
  };
  for (size_t i = 0; i < rounded.size(); ++i) {
    EXPECT_EQ(half(i), rounded[i]) << exact[i];
  }
  EXPECT_TRUE(std::isnan(Widened(half(rounded.size()))));
}

// The nearest of the two upper halves around a value, the even one in the
// middle.
uint16_t RoundedByDistance(float value) {
  const uint16_t below = UpperHalf(value);
  const uint16_t above = static_cast<uint16_t>(below + 1);
  const double down = std::abs(double{value} - Widened(below));
  const double up = std::abs(Widened(above) - double{value});
  if (down != up) return down < up ? below : above;
  return below % 2 == 0 ? below : above;
}

TEST_P(BFloat16Conformance, RoundsRowsOfAnyWidth) {
  for (const int64_t cols : kWidths) {
    for (const int64_t gap : {0, 3, 8}) {
      SCOPED_TRACE(testing::Message() << cols << " + " << gap);
      const int64_t stride = cols + gap;
      std::vector<float> values = RandomFloats(5 * stride, 7);
      for (size_t i = 0; i < values.size(); i += 2) {  // Halfway between two.
        values[i] = std::bit_cast<float>(
            (std::bit_cast<uint32_t>(values[i]) & 0xffff0000u) | 0x8000u);
      }
      DeviceBuffer x = Upload(values);
      DeviceBuffer out = Upload(std::vector<float>(5 * stride / 2 + 1));
      const Tensor to{out.data(), 5, cols, stride, DataType::kBFloat16};
      const absl::Status status =
          backend_->Round({x.floats(), 5, cols, stride}, to);
      ASSERT_TRUE(status.ok()) << status;
      ASSERT_TRUE(out.GuardIsIntact());
      const std::vector<float> pairs = out.Read();
      for (int64_t i = 0; i < 5 * stride; ++i) {
        const uint32_t pair = std::bit_cast<uint32_t>(pairs[i / 2]);
        const bool inside = i % stride < cols;
        ASSERT_EQ(static_cast<uint16_t>(pair >> (i % 2 * 16)),
                  inside ? RoundedByDistance(values[i]) : 0)
            << "element " << i << ": " << values[i];
      }
    }
  }
}

TEST_P(BFloat16Conformance, RoundKeepsNaNAndRefusesOtherTypes) {
  DeviceBuffer x =
      Upload(std::vector<float>{std::bit_cast<float>(0x7fffffffu),
                                std::bit_cast<float>(0xff800001u), 3.4e38f});
  DeviceBuffer out = Poison(2);
  const Tensor to{out.data(), 1, 3, 3, DataType::kBFloat16};
  ASSERT_TRUE(backend_->Round(Float32(x.floats(), 1, 3), to).ok());
  const std::vector<float> pairs = out.Read();
  const uint32_t first = std::bit_cast<uint32_t>(pairs[0]);
  EXPECT_TRUE(std::isnan(Widened(static_cast<uint16_t>(first))));
  EXPECT_TRUE(std::isnan(Widened(static_cast<uint16_t>(first >> 16))));
  EXPECT_EQ(std::bit_cast<uint32_t>(pairs[1]) & 0xffff, 0x7f80u);
  EXPECT_TRUE(absl::IsInvalidArgument(backend_->Round(to, to)));
}

TEST_P(BFloat16Conformance, Products) {
  for (const bool transposed : {false, true}) {
    SCOPED_TRACE(transposed);
    Compare([&](Operands& o) {
      return backend_->Matmul(
          {.a = transposed ? o.Random(kCols, kRows) : o.Random(kRows, kCols),
           .b = transposed ? o.Random(29, kCols) : o.Random(kCols, 29),
           .c = o.Blank(kRows, 29),
           .transpose_a = transposed,
           .transpose_b = transposed,
           .bias = o.NarrowFloats(29),
           .addend = o.Random(kRows, 29)});
    });
  }
}

TEST_P(BFloat16Conformance, ProductsAddToFloat32) {
  Compare([&](Operands& o) {
    return backend_->Matmul({.a = o.Random(kRows, kCols),
                             .b = o.Random(kRows, 29),
                             .c = o.Float32Matrix(kCols, 29),
                             .transpose_a = true,
                             .accumulate = true});
  });
}

TEST_P(BFloat16Conformance, ProductsOfNothing) {
  Compare([&](Operands& o) {
    return backend_->Matmul({.a = o.Random(kRows, 0),
                             .b = o.Random(0, 29),
                             .c = o.Blank(kRows, 29),
                             .bias = o.Floats(29),
                             .addend = o.Random(kRows, 29)});
  });
}

TEST_P(BFloat16Conformance, ColumnSums) {
  Compare([&](Operands& o) {
    return backend_->ColumnSums(o.Random(kRows, kCols), o.Floats(kCols));
  });
}

TEST_P(BFloat16Conformance, LayerNorms) {
  Compare([&](Operands& o) {
    const Tensor x = o.Random(kRows, kCols);
    const Tensor dout = o.Random(kRows, kCols);
    float* const gain = o.Floats(kCols);
    float* const bias = o.Floats(kCols);
    float* const mean = o.Floats(kRows);
    float* const rstd = o.Floats(kRows);
    RETURN_IF_ERROR(backend_->LayerNorm(x, gain, bias, kNormEpsilon,
                                        o.Blank(kRows, kCols), mean, rstd));
    RETURN_IF_ERROR(backend_->LayerNormBackwardInput(
        dout, x, mean, rstd, gain, {}, o.Blank(kRows, kCols)));
    RETURN_IF_ERROR(backend_->LayerNormBackwardWeight(
        dout, x, mean, rstd, gain, bias, o.Blank(kRows, kCols), o.Floats(kCols),
        o.Floats(kCols)));
    return backend_->LayerNormBackwardInput(dout, x, mean, rstd, gain,
                                            o.Random(kRows, kCols), dout);
  });
}

TEST_P(BFloat16Conformance, RmsNorms) {
  Compare([&](Operands& o) {
    const Tensor x = o.Random(kRows, kCols);
    const Tensor dout = o.Random(kRows, kCols);
    float* const gain = o.Floats(kCols);
    float* const rstd = o.Floats(kRows);
    RETURN_IF_ERROR(
        backend_->RmsNorm(x, gain, kNormEpsilon, o.Blank(kRows, kCols), rstd));
    RETURN_IF_ERROR(backend_->RmsNormBackwardInput(dout, x, rstd, gain, {},
                                                   o.Blank(kRows, kCols)));
    RETURN_IF_ERROR(backend_->RmsNormBackwardWeight(
        dout, x, rstd, gain, o.Blank(kRows, kCols), o.Floats(kCols)));
    return backend_->RmsNormBackwardInput(dout, x, rstd, gain,
                                          o.Random(kRows, kCols), dout);
  });
}

TEST_P(BFloat16Conformance, Gelu) {
  Compare([&](Operands& o) {
    const Tensor x = o.Random(kRows, kCols);
    RETURN_IF_ERROR(backend_->Gelu(x, o.Blank(kRows, kCols)));
    const Tensor dout = o.Random(kRows, kCols);
    return backend_->GeluBackward(dout, x, dout, o.Blank(kRows, kCols),
                                  o.Floats(kCols));
  });
}

TEST_P(BFloat16Conformance, SwiGlu) {
  Compare([&](Operands& o) {
    const Tensor gate = o.Random(kRows, kCols);
    const Tensor up = o.Random(kRows, kCols);
    RETURN_IF_ERROR(backend_->SwiGlu(gate, up, o.Blank(kRows, kCols)));
    const Tensor dout = o.Random(kRows, kCols);
    return backend_->SwiGluBackward(dout, gate, up, o.Blank(kRows, kCols), dout,
                                    o.Blank(kRows, kCols));
  });
}

TEST_P(BFloat16Conformance, RopeFromAnyPosition) {
  const double frequencies[] = {1, 0.3};
  // Sequences longer and shorter than a block of rows.
  for (const int64_t sequence : {int64_t{1}, int64_t{5}, kRows}) {
    SCOPED_TRACE(sequence);
    const RopeShape shape{.sequence = sequence,
                          .head_dim = 4,
                          .before = 11,
                          .frequencies = frequencies};
    Compare([&](Operands& o) {
      RETURN_IF_ERROR(backend_->Rope(shape, o.Random(kRows, 12)));
      return backend_->RopeBackward(shape, o.Random(kRows, 12));
    });
  }
}

TEST_P(BFloat16Conformance, Attention) {
  for (const int64_t before : {0, 3}) {
    SCOPED_TRACE(before);
    const AttentionShape shape{.batch = 2,
                               .sequence = 13,
                               .heads = 4,
                               .head_dim = 6,
                               .before = before,
                               .kv_heads = 2};
    const int64_t queries = shape.batch * shape.sequence;
    const int64_t keys = shape.batch * shape.keys();
    DeviceBuffer scratch(*backend_, AttentionScratchBytes(shape));
    Compare([&](Operands& o) {
      const Tensor q = o.Random(queries, 24);
      const Tensor kv = o.Random(keys, 24);
      float* const lse = o.Floats(queries * shape.heads);
      RETURN_IF_ERROR(
          backend_->Attention(shape, q, Columns(kv, 0, 12), Columns(kv, 12, 12),
                              o.Blank(queries, 24), lse, scratch.data()));
      const Tensor d_kv = o.Blank(keys, 24);
      return backend_->AttentionBackward(
          shape, q, Columns(kv, 0, 12), Columns(kv, 12, 12),
          o.Random(queries, 24), o.Random(queries, 24), lse,
          o.Blank(queries, 24), Columns(d_kv, 0, 12), Columns(d_kv, 12, 12),
          scratch.data());
    });
  }
}

// Heads that tensor cores take. Their kernels round the weights, too: to 8 bits
// before they meet values of size 1, of which up to 200 rows are summed.
TEST_P(BFloat16Conformance, AttentionOfHeadsForTensorCores) {
  constexpr double kWeightError = 0.02;
  for (const AttentionShape& shape :
       {AttentionShape{2, 100, 2, 64}, AttentionShape{1, 70, 4, 64, 30, 2},
        AttentionShape{1, 64, 1, 128}}) {
    SCOPED_TRACE(testing::Message() << shape.sequence << " x " << shape.heads);
    const int64_t queries = shape.batch * shape.sequence;
    const int64_t keys = shape.batch * shape.keys();
    const int64_t width = shape.heads * shape.head_dim;
    const int64_t key_width = shape.groups() * shape.head_dim;
    DeviceBuffer scratch(*backend_, AttentionScratchBytes(shape));
    const auto operation = [&](Operands& o) {
      const Tensor q = o.Random(queries, width);
      const Tensor k = o.Random(keys, key_width);
      const Tensor v = o.Random(keys, key_width);
      const Tensor out = o.Blank(queries, width);
      float* const lse = o.Floats(queries * shape.heads);
      RETURN_IF_ERROR(
          backend_->Attention(shape, q, k, v, out, lse, scratch.data()));
      return backend_->AttentionBackward(
          shape, q, k, v, out, o.Random(queries, width), lse,
          o.Blank(queries, width), o.Blank(keys, key_width),
          o.Blank(keys, key_width), scratch.data());
    };
    Compare(operation, kWeightError);
  }
}

TEST_P(BFloat16Conformance, Embedding) {
  Compare([&](Operands& o) {
    const int32_t* const tokens = o.Indices(kRows, 9);
    RETURN_IF_ERROR(backend_->Embedding(tokens, 5, o.Random(9, kCols),
                                        o.Random(5, kCols),
                                        o.Blank(kRows, kCols)));
    RETURN_IF_ERROR(backend_->Embedding(tokens, 5, o.Random(9, kCols), {},
                                        o.Blank(kRows, kCols)));
    return backend_->EmbeddingBackward(tokens, 5, o.Random(kRows, kCols),
                                       o.Float32Matrix(9, kCols),
                                       o.Float32Matrix(5, kCols));
  });
}

TEST_P(BFloat16Conformance, CrossEntropy) {
  Compare([&](Operands& o) {
    return backend_->CrossEntropy(o.Random(kRows, kCols),
                                  o.Indices(kRows, kCols), 0.25f,
                                  o.Floats(kRows));
  });
}

INSTANTIATE_TEST_SUITE_P(Backends, BFloat16Conformance,
                         testing::Values("cpu", "cuda"), BackendName);

}  // namespace
}  // namespace penstock
