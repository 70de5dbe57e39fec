#include "tests/gpu/kernel_check.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/cuda/attention.h"
#include "kernels/cuda/cross_entropy.h"
#include "kernels/cuda/embedding.h"
#include "kernels/cuda/gelu.h"
#include "kernels/cuda/layer_norm.h"
#include "kernels/cuda/reductions.h"
#include "kernels/cuda/rms_norm.h"
#include "kernels/cuda/rope.h"
#include "kernels/cuda/swiglu.h"
#include "kernels/formulas/gelu.h"
#include "kernels/formulas/swiglu.h"
#include "tests/gpu/attention_oracle.h"
#include "tests/gpu/norm_oracle.h"

namespace penstock::gpu {
namespace {

constexpr float kNormEpsilon = 1e-5f;

// What was there before `sums`, which are added to it.
Values Sum(const Array& before, Values sums) {
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += before.values()[i];
  return sums;
}

}  // namespace

void KernelCheck::Gelu() {
  const Array x = Random();
  const Array dout = Random();
  const Array out = Poison();
  const Array dx = Poison();
  const Array sums = Floats(cols_);
  Values expected_out;
  Values expected_dx;
  Values expected_sums = sums.values();
  for (size_t i = 0; i < x.values().size(); ++i) {
    const auto [gelu, derivative] = GeluOf(x.values()[i]);
    expected_out.push_back(gelu);
    expected_dx.push_back(dout.values()[i] * derivative);
    expected_sums[i % cols_] += expected_dx.back();
  }
  const auto forward = [&] {
    return cuda::Gelu(kStream, x.tensor(), out.tensor());
  };
  Check(forward(), "gelu");
  Compare("gelu", out, expected_out);
  table_.Time(forward, Bytes(2));
  const auto backward = [&] {
    return cuda::GeluBackward(kStream, dout.tensor(), x.tensor(), workspace_,
                              dx.tensor(), out.tensor(), sums.floats());
  };
  Check(backward(), "gelu_backward");
  Compare("gelu_backward", dx, expected_dx);
  CompareFloats("gelu_backward sums", sums, expected_sums);
  table_.Time(backward, Bytes(4));
}

void KernelCheck::SwiGlu() {
  const Array gate = Random();
  const Array up = Random();
  const Array dout = Random();
  const Array out = Poison();
  const Array dgate = Poison();
  const Array dup = Poison();
  Values expected[3];
  for (size_t i = 0; i < gate.values().size(); ++i) {
    const auto [silu, derivative] = SiluOf(gate.values()[i]);
    expected[0].push_back(silu * up.values()[i]);
    expected[1].push_back(dout.values()[i] * up.values()[i] * derivative);
    expected[2].push_back(dout.values()[i] * silu);
  }
  const auto forward = [&] {
    return cuda::SwiGlu(kStream, gate.tensor(), up.tensor(), out.tensor());
  };
  Check(forward(), "swiglu");
  Compare("swiglu", out, expected[0]);
  table_.Time(forward, Bytes(3));
  const auto backward = [&] {
    return cuda::SwiGluBackward(kStream, dout.tensor(), gate.tensor(),
                                up.tensor(), dgate.tensor(), dup.tensor(),
                                out.tensor());
  };
  Check(backward(), "swiglu_backward");
  Compare("swiglu_backward dup", dup, expected[2]);
  Compare("swiglu_backward dgate", dgate, expected[1]);
  table_.Time(backward, Bytes(6));
}

void KernelCheck::LayerNorm() {
  const Array x = Random();
  const Array dout = Random();
  const Array gain = Floats(cols_);
  const Array bias = Floats(cols_);
  const NormOracle norm(x.values(), dout.values(), gain.values(),
                        &bias.values(), kNormEpsilon);
  const Array out = Poison();
  const Array again = Poison();
  const Array dx = Poison();
  const Array mean = Blank(rows_);
  const Array rstd = Blank(rows_);
  const Array dgain = Floats(cols_);
  const Array dbias = Floats(cols_);
  const auto forward = [&] {
    return cuda::LayerNorm(kStream, x.tensor(), gain.floats(), bias.floats(),
                           kNormEpsilon, out.tensor(), mean.floats(),
                           rstd.floats());
  };
  Check(forward(), "layer_norm");
  Compare("layer_norm", out, norm.out);
  table_.Time(forward, Bytes(2));
  const auto input = [&] {
    return cuda::LayerNormBackwardInput(kStream, dout.tensor(), x.tensor(),
                                        mean.floats(), rstd.floats(),
                                        gain.floats(), {}, dx.tensor());
  };
  Check(input(), "layer_norm_backward_input");
  Compare("layer_norm_backward_input", dx, norm.dx);
  table_.Time(input, Bytes(3));
  const auto weight = [&] {
    return cuda::LayerNormBackwardWeight(
        kStream, dout.tensor(), x.tensor(), mean.floats(), rstd.floats(),
        gain.floats(), bias.floats(), workspace_, again.tensor(),
        dgain.floats(), dbias.floats());
  };
  Check(weight(), "layer_norm_backward_weight");
  CompareFloats("layer_norm dbias", dbias, Sum(dbias, norm.dbias));
  CompareFloats("layer_norm dgain", dgain, Sum(dgain, norm.dgain));
  Compare("layer_norm again", again, norm.out);
  table_.Time(weight, Bytes(3));
}

void KernelCheck::RmsNorm() {
  const Array x = Random();
  const Array dout = Random();
  const Array gain = Floats(cols_);
  const NormOracle norm(x.values(), dout.values(), gain.values(), nullptr,
                        kNormEpsilon);
  const Array out = Poison();
  const Array again = Poison();
  const Array dx = Poison();
  const Array rstd = Blank(rows_);
  const Array dgain = Floats(cols_);
  const auto forward = [&] {
    return cuda::RmsNorm(kStream, x.tensor(), gain.floats(), kNormEpsilon,
                         out.tensor(), rstd.floats());
  };
  Check(forward(), "rms_norm");
  Compare("rms_norm", out, norm.out);
  table_.Time(forward, Bytes(2));
  const auto input = [&] {
    return cuda::RmsNormBackwardInput(kStream, dout.tensor(), x.tensor(),
                                      rstd.floats(), gain.floats(), {},
                                      dx.tensor());
  };
  Check(input(), "rms_norm_backward_input");
  Compare("rms_norm_backward_input", dx, norm.dx);
  table_.Time(input, Bytes(3));
  const auto weight = [&] {
    return cuda::RmsNormBackwardWeight(kStream, dout.tensor(), x.tensor(),
                                       rstd.floats(), gain.floats(), workspace_,
                                       again.tensor(), dgain.floats());
  };
  Check(weight(), "rms_norm_backward_weight");
  CompareFloats("rms_norm dgain", dgain, Sum(dgain, norm.dgain));
  Compare("rms_norm again", again, norm.out);
  table_.Time(weight, Bytes(3));
}

void KernelCheck::Rope() {
  const int64_t half = 8;
  const int64_t before = 100000;
  const Array x = Random();
  Values frequencies;
  for (int64_t i = 0; i < half; ++i) {
    frequencies.push_back(std::pow(10000.0, -static_cast<double>(i) / half));
  }
  Values expected = x.values();
  for (int64_t i = 0; i < rows_ * cols_; ++i) {
    const int64_t pair = i % cols_ % (2 * half);
    if (pair >= half) continue;
    const double position =
        static_cast<double>(before + i / cols_ % sizes_.sequence);
    const double angle = position * frequencies[pair];
    const double a = x.values()[i];
    const double b = x.values()[i + half];
    expected[i] = a * std::cos(angle) - b * std::sin(angle);
    expected[i + half] = b * std::cos(angle) + a * std::sin(angle);
  }
  const RopeShape shape{.sequence = sizes_.sequence,
                        .head_dim = 2 * half,
                        .before = before,
                        .frequencies = frequencies.data()};
  const auto forward = [&] { return cuda::Rope(kStream, shape, x.tensor()); };
  Check(forward(), "rope");
  Compare("rope", x, expected);
  Check(cuda::RopeBackward(kStream, shape, x.tensor()), "rope_backward");
  Compare("rope and back", x, x.values());
  table_.Time(forward, Bytes(2));
}

void KernelCheck::ColumnSums() {
  const Array x = Random();
  const Array sums = Floats(cols_);
  Values expected = sums.values();
  for (size_t i = 0; i < x.values().size(); ++i) {
    expected[i % cols_] += x.values()[i];
  }
  const auto launch = [&] {
    return cuda::ColumnSums(kStream, x.tensor(), workspace_, sums.floats());
  };
  Check(launch(), "column_sums");
  CompareFloats("column_sums", sums, expected);
  table_.Time(launch, Bytes(1));
}

void KernelCheck::Embedding() {
  const int64_t vocabulary = std::min<int64_t>(sizes_.vocabulary, 5000);
  const Array tokens = Array::Indices(rows_, vocabulary);
  const Array table = Array::Random(type_, vocabulary, cols_);
  const Array positions = Array::Random(type_, sizes_.sequence, cols_);
  const Array out = Poison();
  const Array dout = Random();
  const Array d_table = Array::Random(DataType::kFloat32, vocabulary, cols_);
  const Array d_positions =
      Array::Random(DataType::kFloat32, sizes_.sequence, cols_);
  Values expected;
  Values expected_table = d_table.values();
  Values expected_positions = d_positions.values();
  for (int64_t i = 0; i < rows_ * cols_; ++i) {
    const auto token = static_cast<int64_t>(tokens.values()[i / cols_]);
    const int64_t position = i / cols_ % sizes_.sequence;
    const int64_t c = i % cols_;
    expected.push_back(table.values()[token * cols_ + c] +
                       positions.values()[position * cols_ + c]);
    expected_table[token * cols_ + c] += dout.values()[i];
    expected_positions[position * cols_ + c] += dout.values()[i];
  }
  const auto forward = [&] {
    return cuda::Embedding(kStream, tokens.integers(), sizes_.sequence,
                           table.tensor(), positions.tensor(), out.tensor());
  };
  Check(forward(), "embedding");
  Compare("embedding", out, expected);
  table_.Time(forward, Bytes(3));
  const auto backward = [&] {
    return cuda::EmbeddingBackward(kStream, tokens.integers(), sizes_.sequence,
                                   dout.tensor(), workspace_, d_table.tensor(),
                                   d_positions.tensor());
  };
  Check(backward(), "embedding_backward");
  CompareFloats("embedding_backward positions", d_positions,
                expected_positions);
  CompareFloats("embedding_backward tokens", d_table, expected_table);
  table_.Time(backward, Bytes(2));
}

void KernelCheck::CrossEntropy() {
  const int64_t rows = std::min<int64_t>(rows_, 256);
  const int64_t cols = sizes_.vocabulary;
  const Array logits = Array::Random(type_, rows, cols);
  const Array labels = Array::Indices(rows, cols);
  const Array losses = Blank(rows);
  const float scale = 0.25f;
  Values expected_losses;
  Values expected;
  for (int64_t r = 0; r < rows; ++r) {
    const double* const row = &logits.values()[r * cols];
    double sum = 0;
    for (int64_t c = 0; c < cols; ++c) sum += std::exp(row[c]);
    const auto label = static_cast<int64_t>(labels.values()[r]);
    expected_losses.push_back(std::log(sum) - row[label]);
    for (int64_t c = 0; c < cols; ++c) {
      expected.push_back(scale *
                         (std::exp(row[c]) / sum - (c == label ? 1 : 0)));
    }
  }
  const auto launch = [&] {
    return cuda::CrossEntropy(kStream, logits.tensor(), labels.integers(),
                              scale, losses.floats());
  };
  Check(launch(), "cross_entropy");
  CompareFloats("cross_entropy losses", losses, expected_losses);
  Compare("cross_entropy gradient", logits, expected);
  table_.Time(launch, 3 * rows * cols * SizeOf(type_));
}

void KernelCheck::Attention() {
  const AttentionShape shape = sizes_.attention;
  const int64_t queries = shape.batch * shape.sequence;
  const int64_t keys = shape.batch * shape.keys();
  const int64_t width = shape.heads * shape.head_dim;
  const int64_t group_width = shape.groups() * shape.head_dim;
  const Array q = Array::Random(type_, queries, width);
  const Array k = Array::Random(type_, keys, group_width);
  const Array v = Array::Random(type_, keys, group_width);
  const Array dout = Array::Random(type_, queries, width);
  const Array out = Array::Poison(type_, queries, width);
  const Array dq = Array::Poison(type_, queries, width);
  const Array dk = Array::Poison(type_, keys, group_width);
  const Array dv = Array::Poison(type_, keys, group_width);
  const Array lse = Blank(queries * shape.heads);
  const AttentionOracle oracle(shape, q.values(), k.values(), v.values(),
                               dout.values());
  const auto forward = [&] {
    return cuda::Attention(kStream, shape, q.tensor(), k.tensor(), v.tensor(),
                           out.tensor(), lse.floats());
  };
  Check(forward(), "attention");
  CompareFloats("attention lse", lse, oracle.lse());
  Compare("attention", out, oracle.out());
  table_.Time(forward, 2 * (q.bytes() + k.bytes()));
  const auto backward = [&] {
    return cuda::AttentionBackward(
        kStream, shape, q.tensor(), k.tensor(), v.tensor(), out.tensor(),
        dout.tensor(), lse.floats(), reinterpret_cast<float*>(workspace_.data),
        dq.tensor(), dk.tensor(), dv.tensor());
  };
  Check(backward(), "attention_backward");
  Compare("attention_backward dq", dq, oracle.dq());
  Compare("attention_backward dk", dk, oracle.dk());
  Compare("attention_backward dv", dv, oracle.dv());
  table_.Time(backward, 4 * (q.bytes() + k.bytes()));
}

}  // namespace penstock::gpu
