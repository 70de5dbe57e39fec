// Attention against float64, over head sizes around the vector widths,
// sequences around the block sizes and heads that share keys and values; q, k
// and v lie side by side in one tensor, as in a model.

#include "tests/conformance/backend_conformance.h"

namespace penstock {
namespace {

constexpr AttentionShape kShapes[] = {
    {1, 1, 1, 1},        {2, 3, 2, 3},          {1, 17, 3, 8},
    {2, 31, 1, 16},      {1, 33, 2, 32},        {2, 130, 2, 64},
    {1, 129, 1, 5},      {1, 257, 2, 32},       {2, 5, 2, 3, 0, 1},
    {1, 33, 6, 8, 0, 2}, {2, 130, 4, 17, 0, 4}, {1, 129, 8, 16, 0, 1}};

int64_t RowsOf(const AttentionShape& shape) {
  return shape.batch * shape.sequence;
}
int64_t WidthOf(const AttentionShape& shape) {
  return shape.heads * shape.head_dim;
}

int64_t KvWidthOf(const AttentionShape& shape) {
  return shape.groups() * shape.head_dim;
}
// Columns of a row of q, k and v.
int64_t StrideOf(const AttentionShape& shape) {
  return WidthOf(shape) + 2 * KvWidthOf(shape);
}

// What attention computes of qkv [rows, stride] and dout [rows, width].
struct Result {
  std::vector<double> out, lse, dqkv;
};

// One head of one sample. `qkv` points at its q in the first row, `out` and
// `dqkv` likewise.
struct Head {
  int64_t sequence, dim, width, stride;
  int64_t key, value;  // How many columns after its q the head's k and v are.

  double Dot(const float* x, const float* y) const {
    double sum = 0;
    for (int64_t c = 0; c < dim; ++c) sum += double{x[c]} * double{y[c]};
    return sum;
  }

  void Run(const float* qkv, const float* dout, double* out, double* lse,
           double* dqkv) const {
    const double scale = 1 / std::sqrt(static_cast<double>(dim));
    for (int64_t i = 0; i < sequence; ++i) {
      std::vector<double> p(i + 1);
      double max = -INFINITY;
      for (int64_t j = 0; j <= i; ++j) {
        p[j] = scale * Dot(qkv + i * stride, qkv + j * stride + key);
        max = std::max(max, p[j]);
      }
      double sum = 0;
      for (double& score : p) sum += score = std::exp(score - max);
      lse[i] = max + std::log(sum);
      double delta = 0;
      std::vector<double> dp(i + 1);
      for (int64_t j = 0; j <= i; ++j) {
        p[j] /= sum;
        const float* v = qkv + j * stride + value;
        for (int64_t c = 0; c < dim; ++c) out[i * width + c] += p[j] * v[c];
        dp[j] = Dot(dout + i * width, v);
        delta += p[j] * dp[j];
      }
      for (int64_t j = 0; j <= i; ++j) {
        const double ds = scale * p[j] * (dp[j] - delta);
        for (int64_t c = 0; c < dim; ++c) {
          dqkv[i * stride + c] += ds * qkv[j * stride + key + c];
          dqkv[j * stride + key + c] += ds * qkv[i * stride + c];
          dqkv[j * stride + value + c] += p[j] * dout[i * width + c];
        }
      }
    }
  }
};

Result Oracle(const AttentionShape& shape, const std::vector<float>& qkv,
              const std::vector<float>& dout) {
  const int64_t width = WidthOf(shape);
  const int64_t stride = StrideOf(shape);
  Result result{.out = std::vector<double>(RowsOf(shape) * width),
                .lse = std::vector<double>(RowsOf(shape) * shape.heads),
                .dqkv = std::vector<double>(RowsOf(shape) * stride)};
  const int64_t sharing = shape.heads / shape.groups();
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t h = 0; h < shape.heads; ++h) {
      const int64_t narrow = b * shape.sequence * width + h * shape.head_dim;
      const int64_t wide = b * shape.sequence * stride + h * shape.head_dim;
      const int64_t key = width + (h / sharing - h) * shape.head_dim;
      const Head head{shape.sequence,        shape.head_dim, width, stride, key,
                      key + KvWidthOf(shape)};
      head.Run(&qkv[wide], &dout[narrow], &result.out[narrow],
               &result.lse[(b * shape.heads + h) * shape.sequence],
               &result.dqkv[wide]);
    }
  }
  return result;
}

// Every result is a sum of at most `sequence` terms of each head that shares a
// key, each of which holds dot products over `head_dim`, in float32. Measured,
// the error stays below a twentieth of this for all shapes here.
std::vector<Expected> WithTolerance(const AttentionShape& shape,
                                    const std::vector<double>& values) {
  const double terms = static_cast<double>(
      shape.sequence * (shape.heads / shape.groups()) + shape.head_dim + 8);
  std::vector<Expected> expected;
  for (const double value : values) {
    expected.push_back({value, terms * kEpsilon * (1 + std::abs(value))});
  }
  return expected;
}

class AttentionConformance : public BackendConformance {
 protected:
  // The buffers of one forward and backward pass.
  struct Pass {
    DeviceBuffer qkv, dout, out, lse, dqkv, scratch;
  };

  Pass Run(const AttentionShape& shape, const std::vector<float>& qkv_values,
           const std::vector<float>& dout_values) {
    const int64_t rows = RowsOf(shape);
    const int64_t width = WidthOf(shape);
    const int64_t kv_width = KvWidthOf(shape);
    const int64_t stride = StrideOf(shape);
    Pass pass{.qkv = Upload(qkv_values),
              .dout = Upload(dout_values),
              .out = Poison(rows * width),
              .lse = Poison(rows * shape.heads),
              .dqkv = Poison(rows * stride),
              .scratch = {*backend_, AttentionScratchBytes(shape)}};
    const ConstTensor qkv =
        Float32(static_cast<const float*>(pass.qkv.floats()), rows, stride);
    const Tensor dqkv = Float32(pass.dqkv.floats(), rows, stride);
    const Tensor out = Float32(pass.out.floats(), rows, width);
    const ConstTensor q = Columns(qkv, 0, width);
    const ConstTensor k = Columns(qkv, width, kv_width);
    const ConstTensor v = Columns(qkv, width + kv_width, kv_width);
    EXPECT_TRUE(backend_
                    ->Attention(shape, q, k, v, out, pass.lse.floats(),
                                pass.scratch.data())
                    .ok());
    EXPECT_TRUE(
        backend_
            ->AttentionBackward(
                shape, q, k, v, out, Float32(pass.dout.floats(), rows, width),
                pass.lse.floats(), Columns(dqkv, 0, width),
                Columns(dqkv, width, kv_width),
                Columns(dqkv, width + kv_width, kv_width), pass.scratch.data())
            .ok());
    EXPECT_TRUE(backend_->Synchronize().ok());
    EXPECT_TRUE(pass.scratch.GuardIsIntact());
    return pass;
  }

  // Runs one piece of two samples of `sequence` tokens, checks its outputs and
  // adds its gradients to `sums`, both at its tokens' places in the whole.
  void RunPiece(const AttentionShape& piece, int64_t sequence,
                const std::vector<float>& qkv, const std::vector<float>& dout,
                const Result& expected, std::vector<float>& sums);
};

// Rows [begin, end) of each of two samples of `sequence` rows, `cols` of them
// from `column` on.
std::vector<float> Cut(const std::vector<float>& values, int64_t sequence,
                       int64_t begin, int64_t end, int64_t column,
                       int64_t cols) {
  const int64_t stride = std::ssize(values) / (2 * sequence);
  std::vector<float> cut;
  for (int64_t b = 0; b < 2; ++b) {
    for (int64_t t = begin; t < end; ++t) {
      const auto row = values.begin() + (b * sequence + t) * stride + column;
      cut.insert(cut.end(), row, row + cols);
    }
  }
  return cut;
}

void AttentionConformance::RunPiece(const AttentionShape& piece,
                                    int64_t sequence,
                                    const std::vector<float>& qkv,
                                    const std::vector<float>& dout,
                                    const Result& expected,
                                    std::vector<float>& sums) {
  const int64_t width = WidthOf(piece);
  const int64_t kv_width = KvWidthOf(piece);
  const int64_t stride = StrideOf(piece);
  const int64_t end = piece.keys();
  const int64_t rows = RowsOf(piece);
  const int64_t keys = piece.batch * end;
  DeviceBuffer q = Upload(Cut(qkv, sequence, piece.before, end, 0, width));
  DeviceBuffer kv = Upload(Cut(qkv, sequence, 0, end, width, 2 * kv_width));
  DeviceBuffer d = Upload(Cut(dout, sequence, piece.before, end, 0, width));
  DeviceBuffer out = Poison(rows * width);
  DeviceBuffer lse = Poison(rows * piece.heads);
  DeviceBuffer dq = Poison(rows * width);
  DeviceBuffer dkv = Poison(keys * 2 * kv_width);
  DeviceBuffer scratch = {*backend_, AttentionScratchBytes(piece)};
  const Tensor kv_tensor = Float32(kv.floats(), keys, 2 * kv_width);
  const Tensor dkv_tensor = Float32(dkv.floats(), keys, 2 * kv_width);
  const Tensor k = Columns(kv_tensor, 0, kv_width);
  const Tensor v = Columns(kv_tensor, kv_width, kv_width);
  const Tensor q_tensor = Float32(q.floats(), rows, width);
  const Tensor out_tensor = Float32(out.floats(), rows, width);
  ASSERT_EQ(backend_->Attention(piece, q_tensor, k, v, out_tensor, lse.floats(),
                                scratch.data()),
            absl::OkStatus());
  ASSERT_EQ(
      backend_->AttentionBackward(
          piece, q_tensor, k, v, out_tensor, Float32(d.floats(), rows, width),
          lse.floats(), Float32(dq.floats(), rows, width),
          Columns(dkv_tensor, 0, kv_width),
          Columns(dkv_tensor, kv_width, kv_width), scratch.data()),
      absl::OkStatus());
  ASSERT_EQ(backend_->Synchronize(), absl::OkStatus());
  EXPECT_TRUE(scratch.GuardIsIntact());
  const std::vector<float> outs = out.Read();
  const std::vector<float> dqs = dq.Read();
  const std::vector<float> dkvs = dkv.Read();
  for (int64_t b = 0; b < piece.batch; ++b) {
    for (int64_t t = 0; t < end; ++t) {
      const int64_t whole = b * sequence + t;
      for (int64_t c = 0; c < 2 * kv_width; ++c) {
        sums[whole * stride + width + c] +=
            dkvs[(b * end + t) * 2 * kv_width + c];
      }
      if (t < piece.before) continue;
      const int64_t row = b * piece.sequence + t - piece.before;
      for (int64_t c = 0; c < width; ++c) {
        sums[whole * stride + c] = dqs[row * width + c];
        ASSERT_NEAR(outs[row * width + c], expected.out[whole * width + c],
                    200 * kEpsilon);
      }
    }
  }
}

TEST_P(AttentionConformance, MatchesFloat64ForwardAndBackward) {
  for (const AttentionShape& shape : kShapes) {
    SCOPED_TRACE(testing::Message()
                 << shape.batch << " x " << shape.sequence << " x "
                 << shape.heads << " x " << shape.head_dim << ", "
                 << shape.groups() << " groups");
    const auto qkv = RandomFloats(RowsOf(shape) * StrideOf(shape), 1);
    const auto dout = RandomFloats(RowsOf(shape) * WidthOf(shape), 2);
    const Result expected = Oracle(shape, qkv, dout);
    const Pass pass = Run(shape, qkv, dout);
    ExpectNear(pass.out, WithTolerance(shape, expected.out));
    ExpectNear(pass.lse, WithTolerance(shape, expected.lse));
    ExpectNear(pass.dqkv, WithTolerance(shape, expected.dqkv));
  }
}

TEST_P(AttentionConformance, IsCausalToTheBit) {
  const AttentionShape shape{1, 150, 1, 32};
  const int64_t last = 70;  // Inside a block.
  auto qkv = RandomFloats(RowsOf(shape) * 96, 1);
  std::vector<float> dout(RowsOf(shape) * 32, 0.0f);
  for (int64_t c = 0; c < 32; ++c) dout[last * 32 + c] = 1;
  const Pass before = Run(shape, qkv, dout);
  for (size_t i = (last + 1) * 96; i < qkv.size(); ++i) qkv[i] = -qkv[i] + 1;
  const Pass after = Run(shape, qkv, dout);

  const auto out_before = before.out.Read();
  const auto out_after = after.out.Read();
  for (int64_t i = 0; i < (last + 1) * 32; ++i) {
    ASSERT_EQ(out_before[i], out_after[i]) << i;
  }
  const auto dqkv = after.dqkv.Read();
  for (int64_t t = 0; t < shape.sequence; ++t) {
    for (int64_t c = 0; c < 96; ++c) {
      // Keys and values after `last`, and queries other than it.
      const bool untouched = t > last || (c < 32 && t != last);
      if (!untouched) continue;
      ASSERT_EQ(dqkv[t * 96 + c], 0) << t << ", " << c;
    }
  }
}

// Scores of up to 6000 with steps of 250: exact in float32, and exp of them
// overflows unless the maximum is taken off first.
TEST_P(AttentionConformance, IsStableWithExtremeScores) {
  const AttentionShape shape{1, 200, 1, 16};
  auto qkv = RandomFloats(200 * 48, 1);
  for (int64_t t = 0; t < 200; ++t) {
    std::fill_n(&qkv[t * 48], 32, 0.0f);
    qkv[t * 48] = t % 2 == 0 ? 1000.0f : -1000.0f;
    qkv[t * 48 + 16] = static_cast<float>(t % 25);
  }
  const auto dout = RandomFloats(200 * 16, 2);
  const Result expected = Oracle(shape, qkv, dout);
  const Pass pass = Run(shape, qkv, dout);
  ExpectNear(pass.out, WithTolerance(shape, expected.out));
  ExpectNear(pass.lse, WithTolerance(shape, expected.lse));
  for (const float value : pass.dqkv.Read()) ASSERT_TRUE(std::isfinite(value));
}

TEST_P(AttentionConformance, GivesTheSameBitsTwice) {
  const AttentionShape shape{2, 130, 2, 32};
  const auto qkv = RandomFloats(RowsOf(shape) * 192, 1);
  const auto dout = RandomFloats(RowsOf(shape) * 64, 2);
  const Pass first = Run(shape, qkv, dout);
  const Pass second = Run(shape, qkv, dout);
  ExpectSameBits(first.out, second.out);
  ExpectSameBits(first.dqkv, second.dqkv);
}

// Each piece of the sequences alone, with the keys and values before it, gives
// what the whole gives; gradients of keys and values are sums over the pieces.
TEST_P(AttentionConformance, PiecesOfASequenceAddUpToTheWhole) {
  for (const int64_t kv_heads : {4, 2}) {
    const AttentionShape whole{2, 150, 4, 24, 0, kv_heads};
    const auto qkv = RandomFloats(RowsOf(whole) * StrideOf(whole), 1);
    const auto dout = RandomFloats(RowsOf(whole) * WidthOf(whole), 2);
    const Result expected = Oracle(whole, qkv, dout);
    std::vector<float> sums(expected.dqkv.size());
    // Ends inside, at and across blocks.
    const int64_t ends[] = {0, 1, 37, 64, 129, 150};
    for (size_t i = 1; i < std::size(ends); ++i) {
      AttentionShape piece = whole;
      piece.sequence = ends[i] - ends[i - 1];
      piece.before = ends[i - 1];
      RunPiece(piece, whole.sequence, qkv, dout, expected, sums);
    }
    const auto dqkv = WithTolerance(whole, expected.dqkv);
    for (size_t i = 0; i < sums.size(); ++i) {
      ASSERT_NEAR(sums[i], dqkv[i].value, dqkv[i].tolerance) << i;
    }
  }
}

TEST_P(AttentionConformance, RejectsShapesThatDiffer) {
  DeviceBuffer memory = Poison(64);
  const Tensor wrong = Float32(memory.floats(), 4, 5);
  EXPECT_EQ(backend_
                ->Attention({1, 4, 1, 4}, wrong, wrong, wrong, wrong,
                            memory.floats(), memory.data())
                .code(),
            absl::StatusCode::kInvalidArgument);
  // Keys of two heads where one is shared.
  const Tensor two_heads = Float32(memory.floats(), 2, 8);
  EXPECT_EQ(backend_
                ->Attention({.batch = 1,
                             .sequence = 2,
                             .heads = 2,
                             .head_dim = 4,
                             .kv_heads = 1},
                            two_heads, two_heads, two_heads, two_heads,
                            memory.floats(), memory.data())
                .code(),
            absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(AllBackends, AttentionConformance,
                         testing::Values("cpu", "cuda"), BackendName);

}  // namespace
}  // namespace penstock
