// Holds every kernel to float64 on the device that is here, with random inputs
// and poisoned outputs, times it and prints one table:
//
//   kernel_check [--small]
//
// Fails if a line is beyond its limit. --small is for slow tools, such as
// compute-sanitizer and the emulator.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/cuda/adamw.h"
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
#include "tests/gpu/check.h"
#include "tests/gpu/norm_oracle.h"

namespace penstock::gpu {
namespace {

using Values = std::vector<double>;

struct Sizes {
  int64_t rows, cols, vocabulary, sequence;
  AttentionShape attention;
};

constexpr Sizes kLarge{.rows = 8192,
                       .cols = 1600,
                       .vocabulary = 50304,
                       .sequence = 1024,
                       .attention = {2, 512, 8, 64, 128, 4}};
constexpr Sizes kSmall{.rows = 300,
                       .cols = 48,
                       .vocabulary = 333,
                       .sequence = 9,
                       .attention = {2, 35, 4, 24, 3, 2}};
constexpr float kNormEpsilon = 1e-5f;
constexpr cudaStream_t kStream = nullptr;

class KernelCheck {
 public:
  KernelCheck(const Sizes& sizes, DataType type, Table& table)
      : rows_(sizes.rows),
        cols_(sizes.cols),
        sizes_(sizes),
        type_(type),
        table_(table),
        workspace_(MakeWorkspace()) {}
  ~KernelCheck() { cudaFree(workspace_.data); }
  KernelCheck(const KernelCheck&) = delete;
  KernelCheck& operator=(const KernelCheck&) = delete;

  void Run() {
    Gelu();
    SwiGlu();
    LayerNorm();
    RmsNorm();
    Rope();
    ColumnSums();
    Embedding();
    CrossEntropy();
    Attention();
    if (type_ == DataType::kFloat32) {
      AdamW();
      SumsOfSquares();
    }
  }

 private:
  Array Random() const { return Array::Random(type_, rows_, cols_); }
  Array Poison() const { return Array::Poison(type_, rows_, cols_); }
  Array Floats(int64_t count) const {
    return Array::Random(DataType::kFloat32, 1, count);
  }
  static Array Blank(int64_t count) {
    return Array::Poison(DataType::kFloat32, 1, count);
  }
  int64_t Bytes(int64_t tensors) const {
    return tensors * rows_ * cols_ * SizeOf(type_);
  }

  void Compare(const std::string& name, const Array& actual,
               const Values& expected) {
    table_.Compare(name, type_, actual.Read(), expected);
  }
  // Of what is float32 whatever the tensors are.
  void CompareFloats(const std::string& name, const Array& actual,
                     const Values& expected) {
    table_.Compare(name, DataType::kFloat32, actual.Read(), expected);
  }

  void Gelu();
  void SwiGlu();
  void LayerNorm();
  void RmsNorm();
  void Rope();
  void ColumnSums();
  void Embedding();
  void CrossEntropy();
  void Attention();
  void AdamW();
  void SumsOfSquares();

  const int64_t rows_;
  const int64_t cols_;
  const Sizes sizes_;
  const DataType type_;
  Table& table_;
  const cuda::Workspace workspace_;
};

void KernelCheck::Gelu() {
  const Array x = Random();
  const Array dout = Random();
  const Array out = Poison();
  const Array dx = Poison();
  Values expected_out;
  Values expected_dx;
  for (size_t i = 0; i < x.values().size(); ++i) {
    const auto [gelu, derivative] = GeluOf(x.values()[i]);
    expected_out.push_back(gelu);
    expected_dx.push_back(dout.values()[i] * derivative);
  }
  const auto forward = [&] {
    return cuda::Gelu(kStream, x.tensor(), out.tensor());
  };
  Check(forward(), "gelu");
  Compare("gelu", out, expected_out);
  table_.Time(forward, Bytes(2));
  const auto backward = [&] {
    return cuda::GeluBackward(kStream, dout.tensor(), x.tensor(), dx.tensor(),
                              out.tensor());
  };
  Check(backward(), "gelu_backward");
  Compare("gelu_backward", dx, expected_dx);
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

// What was there before `sums`, which are added to it.
Values Sum(const Array& before, Values sums) {
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += before.values()[i];
  return sums;
}

void KernelCheck::LayerNorm() {
  const Array x = Random();
  const Array dout = Random();
  const Array gain = Floats(cols_);
  const Array bias = Floats(cols_);
  const NormOracle norm(x.values(), dout.values(), gain.values(),
                        &bias.values(), kNormEpsilon);
  const Array out = Poison();
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
        workspace_, dgain.floats(), dbias.floats());
  };
  Check(weight(), "layer_norm_backward_weight");
  CompareFloats("layer_norm dbias", dbias, Sum(dbias, norm.dbias));
  CompareFloats("layer_norm dgain", dgain, Sum(dgain, norm.dgain));
  table_.Time(weight, Bytes(2));
}

void KernelCheck::RmsNorm() {
  const Array x = Random();
  const Array dout = Random();
  const Array gain = Floats(cols_);
  const NormOracle norm(x.values(), dout.values(), gain.values(), nullptr,
                        kNormEpsilon);
  const Array out = Poison();
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
                                       rstd.floats(), workspace_,
                                       dgain.floats());
  };
  Check(weight(), "rms_norm_backward_weight");
  CompareFloats("rms_norm dgain", dgain, Sum(dgain, norm.dgain));
  table_.Time(weight, Bytes(2));
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
  const Array y = Floats(cols_);
  Values expected(2);
  for (const double value : x.values()) expected[0] += value * value;
  for (const double value : y.values()) expected[1] += value * value;
  const std::span<const float> arrays[] = {
      {x.floats(), static_cast<size_t>(rows_ * cols_)},
      {y.floats(), static_cast<size_t>(cols_)}};
  const auto launch = [&] {
    return cuda::SumsOfSquares(kStream, arrays, workspace_);
  };
  Check(launch(), "sums_of_squares");
  Check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  Values sums(2, NAN);
  Check(cudaMemcpy(sums.data(), workspace_.data, 2 * sizeof(double),
                   cudaMemcpyDefault),
        "cudaMemcpy");
  table_.Compare("sums_of_squares", type_, sums, expected);
  table_.Time(launch, x.bytes());
}

}  // namespace
}  // namespace penstock::gpu

int main(int argc, char** argv) {
  namespace gpu = penstock::gpu;
  using penstock::DataType;
  const bool small = argc > 1 && std::strcmp(argv[1], "--small") == 0;
  gpu::Table table(/*timed=*/!small);
  if (!small) gpu::NoteCopy(table);
  for (const DataType type : {DataType::kFloat32, DataType::kBFloat16}) {
    gpu::KernelCheck(small ? gpu::kSmall : gpu::kLarge, type, table).Run();
  }
  const auto seed = static_cast<unsigned long long>(gpu::Seed());
  std::printf("PENSTOCK_SEED=%llu\n%s", seed, table.Text().c_str());
  return table.Passed() ? 0 : 1;
}
