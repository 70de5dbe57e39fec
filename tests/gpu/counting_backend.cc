#include "tests/gpu/counting_backend.h"

#include <algorithm>
#include <initializer_list>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"

namespace penstock::gpu {
namespace {

// Without the gaps between rows; 0 for an absent one.
int64_t Bytes(const ConstTensor& x) {
  return x.data == nullptr ? 0 : x.rows * x.cols * SizeOf(x.type);
}

int64_t Bytes(std::initializer_list<ConstTensor> tensors) {
  int64_t bytes = 0;
  for (const ConstTensor& tensor : tensors) bytes += Bytes(tensor);
  return bytes;
}

// Rows of a table that so many tokens look up, at most.
int64_t LookedUp(const ConstTensor& table, int64_t tokens) {
  return table.data == nullptr
             ? 0
             : std::min(table.rows, tokens) * table.cols * SizeOf(table.type);
}

// Of a float for each row or column.
constexpr int64_t kFloat = 4;

}  // namespace

absl::Status CountingBackend::Begin(Mode mode) {
  RETURN_IF_ERROR(backend_.Synchronize());
  mode_ = mode;
  calls_.clear();
  return absl::OkStatus();
}

template <typename Queue>
absl::Status CountingBackend::Run(const Call& call, const Queue& queue) {
  if (mode_ == Mode::kPass) return queue();
  CallCount& count = calls_[call];
  ++count.calls;
  if (mode_ == Mode::kCount) return queue();
  const absl::Time begin = SteadyNow();
  RETURN_IF_ERROR(queue());
  RETURN_IF_ERROR(backend_.Synchronize());
  count.seconds += absl::ToDoubleSeconds(SteadyNow() - begin);
  return absl::OkStatus();
}

template <typename Queue>
absl::Status CountingBackend::Move(const char* operation, int64_t bytes,
                                   const Queue& queue) {
  return Run({.operation = operation, .work = {.bytes = bytes}}, queue);
}

std::string CountingBackend::NameOf(const MatmulArgs& args) const {
  const int64_t length = args.transpose_a ? args.a.rows : args.a.cols;
  const std::string shape =
      fmt::format("{}x{}x{}", args.c.rows, args.c.cols, length);
  if (const auto it = names_.find(args.c.data); it != names_.end()) {
    return fmt::format("{} weight gradient {}", it->second.name, shape);
  }
  const auto it = names_.find(args.b.data);
  if (it == names_.end()) return "product " + shape;
  return fmt::format(
      "{} {} {}", it->second.name,
      args.transpose_b == it->second.out_first ? "forward" : "input gradient",
      shape);
}

absl::Status CountingBackend::CopyIn(std::span<const std::byte> host,
                                     std::byte* device) {
  return Move("CopyIn", std::ssize(host),
              [&] { return backend_.CopyIn(host, device); });
}

absl::Status CountingBackend::CopyOut(const std::byte* device,
                                      std::span<std::byte> host) {
  return Move("CopyOut", std::ssize(host),
              [&] { return backend_.CopyOut(device, host); });
}

absl::Status CountingBackend::Copy(const std::byte* from, std::byte* to,
                                   int64_t bytes) {
  return Move("Copy", 2 * bytes,
              [&] { return backend_.Copy(from, to, bytes); });
}

absl::Status CountingBackend::Zero(std::byte* memory, int64_t bytes) {
  return Move("Zero", bytes, [&] { return backend_.Zero(memory, bytes); });
}

absl::Status CountingBackend::Synchronize() {
  return Move("Synchronize", 0, [&] { return backend_.Synchronize(); });
}

absl::Status CountingBackend::Replay(
    uint64_t /*key*/, const std::function<absl::Status()>& queue) {
  return queue();
}

absl::Status CountingBackend::Matmul(const MatmulArgs& args) {
  if (mode_ == Mode::kPass) return backend_.Matmul(args);
  return Run({.operation = NameOf(args), .work = WorkOf(args)},
             [&] { return backend_.Matmul(args); });
}

absl::Status CountingBackend::ColumnSums(ConstTensor x, float* sums) {
  return Move("ColumnSums", Bytes(x) + 2 * x.cols * kFloat,
              [&] { return backend_.ColumnSums(x, sums); });
}

absl::Status CountingBackend::Accumulate(const float* x, int64_t count,
                                         float* out) {
  return Move("Accumulate", 3 * count * kFloat,
              [&] { return backend_.Accumulate(x, count, out); });
}

absl::Status CountingBackend::Round(ConstTensor x, Tensor out) {
  return Move("Round", Bytes({x, out}), [&] { return backend_.Round(x, out); });
}

absl::Status CountingBackend::LayerNorm(ConstTensor x, const float* gain,
                                        const float* bias, float epsilon,
                                        Tensor out, float* mean, float* rstd) {
  return Move(
      "LayerNorm", Bytes({x, out}) + 2 * (x.rows + x.cols) * kFloat, [&] {
        return backend_.LayerNorm(x, gain, bias, epsilon, out, mean, rstd);
      });
}

absl::Status CountingBackend::LayerNormBackwardInput(
    ConstTensor dout, ConstTensor x, const float* mean, const float* rstd,
    const float* gain, ConstTensor addend, Tensor dx) {
  return Move("LayerNormBackwardInput",
              Bytes({dout, x, addend, dx}) + (2 * x.rows + x.cols) * kFloat,
              [&] {
                return backend_.LayerNormBackwardInput(dout, x, mean, rstd,
                                                       gain, addend, dx);
              });
}

absl::Status CountingBackend::LayerNormBackwardWeight(
    ConstTensor dout, ConstTensor x, const float* mean, const float* rstd,
    const float* gain, const float* bias, Tensor out, float* dgain,
    float* dbias) {
  return Move("LayerNormBackwardWeight",
              Bytes({dout, x, out}) + (2 * x.rows + 6 * x.cols) * kFloat, [&] {
                return backend_.LayerNormBackwardWeight(
                    dout, x, mean, rstd, gain, bias, out, dgain, dbias);
              });
}

absl::Status CountingBackend::RmsNorm(ConstTensor x, const float* gain,
                                      float epsilon, Tensor out, float* rstd) {
  return Move("RmsNorm", Bytes({x, out}) + (x.rows + x.cols) * kFloat,
              [&] { return backend_.RmsNorm(x, gain, epsilon, out, rstd); });
}

absl::Status CountingBackend::RmsNormBackwardInput(
    ConstTensor dout, ConstTensor x, const float* rstd, const float* gain,
    ConstTensor addend, Tensor dx) {
  return Move("RmsNormBackwardInput",
              Bytes({dout, x, addend, dx}) + (x.rows + x.cols) * kFloat, [&] {
                return backend_.RmsNormBackwardInput(dout, x, rstd, gain,
                                                     addend, dx);
              });
}

absl::Status CountingBackend::RmsNormBackwardWeight(ConstTensor dout,
                                                    ConstTensor x,
                                                    const float* rstd,
                                                    const float* gain,
                                                    Tensor out, float* dgain) {
  return Move("RmsNormBackwardWeight",
              Bytes({dout, x, out}) + (x.rows + 3 * x.cols) * kFloat, [&] {
                return backend_.RmsNormBackwardWeight(dout, x, rstd, gain, out,
                                                      dgain);
              });
}

absl::Status CountingBackend::Gelu(ConstTensor x, Tensor out) {
  return Move("Gelu", Bytes({x, out}), [&] { return backend_.Gelu(x, out); });
}

absl::Status CountingBackend::GeluBackward(ConstTensor dout, ConstTensor x,
                                           Tensor dx, Tensor out, float* sums) {
  return Move("GeluBackward", Bytes({dout, x, dx, out}) + 2 * x.cols * kFloat,
              [&] { return backend_.GeluBackward(dout, x, dx, out, sums); });
}

absl::Status CountingBackend::SwiGlu(ConstTensor gate, ConstTensor up,
                                     Tensor out) {
  return Move("SwiGlu", Bytes({gate, up, out}),
              [&] { return backend_.SwiGlu(gate, up, out); });
}

absl::Status CountingBackend::SwiGluBackward(ConstTensor dout, ConstTensor gate,
                                             ConstTensor up, Tensor dgate,
                                             Tensor dup, Tensor out) {
  return Move("SwiGluBackward", Bytes({dout, gate, up, dgate, dup, out}), [&] {
    return backend_.SwiGluBackward(dout, gate, up, dgate, dup, out);
  });
}

absl::Status CountingBackend::Rope(const RopeShape& shape, Tensor x) {
  return Move("Rope", 2 * Bytes(x), [&] { return backend_.Rope(shape, x); });
}

absl::Status CountingBackend::RopeBackward(const RopeShape& shape, Tensor dx) {
  return Move("RopeBackward", 2 * Bytes(dx),
              [&] { return backend_.RopeBackward(shape, dx); });
}

absl::Status CountingBackend::Attention(const AttentionShape& shape,
                                        ConstTensor q, ConstTensor k,
                                        ConstTensor v, Tensor out, float* lse,
                                        std::byte* scratch) {
  return Run(
      {.operation = "Attention", .work = WorkOfAttention(shape, q.type)},
      [&] { return backend_.Attention(shape, q, k, v, out, lse, scratch); });
}

absl::Status CountingBackend::AttentionBackward(
    const AttentionShape& shape, ConstTensor q, ConstTensor k, ConstTensor v,
    ConstTensor out, ConstTensor dout, const float* lse, Tensor dq, Tensor dk,
    Tensor dv, std::byte* scratch) {
  return Run({.operation = "AttentionBackward",
              .work = WorkOfAttentionBackward(shape, q.type)},
             [&] {
               return backend_.AttentionBackward(shape, q, k, v, out, dout, lse,
                                                 dq, dk, dv, scratch);
             });
}

absl::Status CountingBackend::Embedding(const int32_t* tokens, int64_t sequence,
                                        ConstTensor token_table,
                                        ConstTensor position_table,
                                        Tensor out) {
  return Move("Embedding",
              Bytes(out) + out.rows * kFloat + LookedUp(token_table, out.rows) +
                  LookedUp(position_table, sequence),
              [&] {
                return backend_.Embedding(tokens, sequence, token_table,
                                          position_table, out);
              });
}

absl::Status CountingBackend::EmbeddingBackward(const int32_t* tokens,
                                                int64_t sequence,
                                                ConstTensor dout,
                                                Tensor d_token_table,
                                                Tensor d_position_table) {
  return Move("EmbeddingBackward",
              Bytes(dout) + dout.rows * kFloat +
                  2 * LookedUp(d_token_table, dout.rows) +
                  2 * LookedUp(d_position_table, sequence),
              [&] {
                return backend_.EmbeddingBackward(
                    tokens, sequence, dout, d_token_table, d_position_table);
              });
}

absl::Status CountingBackend::CrossEntropy(Tensor logits, const int32_t* labels,
                                           float scale, float* losses) {
  return Move(
      "CrossEntropy", 2 * Bytes(logits) + 2 * logits.rows * kFloat,
      [&] { return backend_.CrossEntropy(logits, labels, scale, losses); });
}

absl::Status CountingBackend::SumsOfSquares(
    std::span<const std::span<const float>> arrays, std::span<double> sums) {
  int64_t bytes = 0;
  for (const std::span<const float>& array : arrays) {
    bytes += std::ssize(array) * kFloat;
  }
  return Move("SumsOfSquares", bytes,
              [&] { return backend_.SumsOfSquares(arrays, sums); });
}

absl::Status CountingBackend::AdamW(const AdamWArgs& args) {
  // Reads weight, gradient and both moments; writes all but the gradient, and
  // the rounded weight.
  const int64_t rounded = args.rounded == nullptr ? 0 : 2;
  return Move("AdamW", args.count * (7 * kFloat + rounded),
              [&] { return backend_.AdamW(args); });
}

}  // namespace penstock::gpu
