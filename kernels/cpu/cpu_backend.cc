// The CPU backend: checks of arguments and the way from the interface to the
// kernels, which compute at once.

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "kernels/arguments.h"
#include "kernels/backend.h"
#include "kernels/cpu/adamw.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/embedding.h"
#include "kernels/cpu/gelu.h"
#include "kernels/cpu/layer_norm.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/reductions.h"
#include "kernels/cpu/rms_norm.h"
#include "kernels/cpu/rope.h"
#include "kernels/cpu/swiglu.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

constexpr int64_t kAlignment = 256;
constexpr int64_t kHugePage = int64_t{2} << 20;

absl::Status CheckFloat32(std::string_view operation,
                          std::initializer_list<ConstTensor> tensors) {
  for (const ConstTensor& tensor : tensors) {
    if (tensor.type != DataType::kFloat32) {
      return absl::UnimplementedError(fmt::format(
          "{}: the cpu backend computes in float32 only", operation));
    }
  }
  return absl::OkStatus();
}

// Indices address rows or columns of a table; one outside would read or write
// other memory.
absl::Status CheckIndices(std::string_view operation, std::string_view what,
                          std::span<const int32_t> indices, int64_t limit) {
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= limit) {
      return absl::InvalidArgumentError(
          fmt::format("{}: {} {} at {} is not in [0, {})", operation, what,
                      indices[i], i, limit));
    }
  }
  return absl::OkStatus();
}

class CpuBackend final : public Backend {
 public:
  std::string_view name() const override { return "cpu"; }

  absl::StatusOr<std::byte*> Allocate(int64_t bytes) override {
    if (bytes < 0) {
      return absl::InvalidArgumentError(
          fmt::format("allocate: {} bytes", bytes));
    }
    if (bytes > INT64_MAX - kHugePage) {
      return absl::ResourceExhaustedError(
          fmt::format("allocate: no {} bytes of memory", bytes));
    }
    // An arena is walked from end to end in every step: in pages of 2 MiB the
    // processor finds its way with few misses.
    const bool huge = bytes >= kHugePage;
    const int64_t alignment = huge ? kHugePage : kAlignment;
    const int64_t rounded =
        std::max(alignment, (bytes + alignment - 1) / alignment * alignment);
    void* const memory = std::aligned_alloc(alignment, rounded);
    if (memory == nullptr) {
      return absl::ResourceExhaustedError(
          fmt::format("allocate: no {} bytes of memory", bytes));
    }
    if (huge) ::madvise(memory, rounded, MADV_HUGEPAGE);
    return static_cast<std::byte*>(memory);
  }

  void Free(std::byte* memory) override { std::free(memory); }

  absl::Status CopyIn(std::span<const std::byte> host,
                      std::byte* device) override {
    return Copy(host.data(), device, std::ssize(host));
  }

  absl::Status CopyOut(const std::byte* device,
                       std::span<std::byte> host) override {
    return Copy(device, host.data(), std::ssize(host));
  }

  absl::Status Copy(const std::byte* from, std::byte* to,
                    int64_t bytes) override {
    RETURN_IF_ERROR(CheckCount("copy", bytes));
    if (bytes > 0) std::memcpy(to, from, bytes);
    return absl::OkStatus();
  }

  absl::Status Zero(std::byte* memory, int64_t bytes) override {
    RETURN_IF_ERROR(CheckCount("zero", bytes));
    if (bytes > 0) std::memset(memory, 0, bytes);
    return absl::OkStatus();
  }

  absl::Status Synchronize() override { return absl::OkStatus(); }

  absl::Status Matmul(const MatmulArgs& args) override {
    RETURN_IF_ERROR(CheckMatmul(args));
    RETURN_IF_ERROR(
        CheckFloat32("matmul", {args.a, args.b, args.c, args.addend}));
    return matmul_.Run(args);
  }

  absl::Status ColumnSums(ConstTensor x, float* sums) override {
    RETURN_IF_ERROR(CheckSameShape("column_sums", {{"x", x}}));
    RETURN_IF_ERROR(CheckFloat32("column_sums", {x}));
    cpu::ColumnSums(x, sums);
    return absl::OkStatus();
  }

  absl::Status Accumulate(const float* x, int64_t count, float* out) override {
    RETURN_IF_ERROR(CheckCount("accumulate", count));
    cpu::Accumulate(x, count, out);
    return absl::OkStatus();
  }

  absl::Status LayerNorm(ConstTensor x, const float* gain, const float* bias,
                         float epsilon, Tensor out, float* mean,
                         float* rstd) override {
    RETURN_IF_ERROR(CheckSameShape("layer_norm", {{"x", x}, {"out", out}}));
    RETURN_IF_ERROR(CheckFloat32("layer_norm", {x, out}));
    cpu::LayerNorm(x, gain, bias, epsilon, out, mean, rstd);
    return absl::OkStatus();
  }

  absl::Status LayerNormApply(ConstTensor x, const float* mean,
                              const float* rstd, const float* gain,
                              const float* bias, Tensor out) override {
    RETURN_IF_ERROR(
        CheckSameShape("layer_norm_apply", {{"x", x}, {"out", out}}));
    RETURN_IF_ERROR(CheckFloat32("layer_norm_apply", {x, out}));
    cpu::LayerNormApply(x, mean, rstd, gain, bias, out);
    return absl::OkStatus();
  }

  absl::Status LayerNormBackwardInput(ConstTensor dout, ConstTensor x,
                                      const float* mean, const float* rstd,
                                      const float* gain, ConstTensor addend,
                                      Tensor dx) override {
    constexpr std::string_view kName = "layer_norm_backward_input";
    RETURN_IF_ERROR(
        CheckSameShape(kName, {{"dout", dout}, {"x", x}, {"dx", dx}}));
    if (addend.data != nullptr) {
      RETURN_IF_ERROR(
          CheckSameShape(kName, {{"dout", dout}, {"addend", addend}}));
    }
    RETURN_IF_ERROR(CheckFloat32(kName, {dout, x, addend, dx}));
    cpu::LayerNormBackwardInput(dout, x, mean, rstd, gain, addend, dx);
    return absl::OkStatus();
  }

  absl::Status LayerNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                       const float* mean, const float* rstd,
                                       float* dgain, float* dbias) override {
    constexpr std::string_view kName = "layer_norm_backward_weight";
    RETURN_IF_ERROR(CheckSameShape(kName, {{"dout", dout}, {"x", x}}));
    RETURN_IF_ERROR(CheckFloat32(kName, {dout, x}));
    cpu::LayerNormBackwardWeight(dout, x, mean, rstd, dgain, dbias);
    return absl::OkStatus();
  }

  absl::Status RmsNorm(ConstTensor x, const float* gain, float epsilon,
                       Tensor out, float* rstd) override {
    RETURN_IF_ERROR(CheckSameShape("rms_norm", {{"x", x}, {"out", out}}));
    RETURN_IF_ERROR(CheckFloat32("rms_norm", {x, out}));
    cpu::RmsNorm(x, gain, epsilon, out, rstd);
    return absl::OkStatus();
  }

  absl::Status RmsNormApply(ConstTensor x, const float* rstd, const float* gain,
                            Tensor out) override {
    RETURN_IF_ERROR(CheckSameShape("rms_norm_apply", {{"x", x}, {"out", out}}));
    RETURN_IF_ERROR(CheckFloat32("rms_norm_apply", {x, out}));
    cpu::RmsNormApply(x, rstd, gain, out);
    return absl::OkStatus();
  }

  absl::Status RmsNormBackwardInput(ConstTensor dout, ConstTensor x,
                                    const float* rstd, const float* gain,
                                    ConstTensor addend, Tensor dx) override {
    constexpr std::string_view kName = "rms_norm_backward_input";
    RETURN_IF_ERROR(
        CheckSameShape(kName, {{"dout", dout}, {"x", x}, {"dx", dx}}));
    if (addend.data != nullptr) {
      RETURN_IF_ERROR(
          CheckSameShape(kName, {{"dout", dout}, {"addend", addend}}));
    }
    RETURN_IF_ERROR(CheckFloat32(kName, {dout, x, addend, dx}));
    cpu::RmsNormBackwardInput(dout, x, rstd, gain, addend, dx);
    return absl::OkStatus();
  }

  absl::Status RmsNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                     const float* rstd, float* dgain) override {
    constexpr std::string_view kName = "rms_norm_backward_weight";
    RETURN_IF_ERROR(CheckSameShape(kName, {{"dout", dout}, {"x", x}}));
    RETURN_IF_ERROR(CheckFloat32(kName, {dout, x}));
    cpu::RmsNormBackwardWeight(dout, x, rstd, dgain);
    return absl::OkStatus();
  }

  absl::Status Gelu(ConstTensor x, Tensor out) override {
    RETURN_IF_ERROR(CheckSameShape("gelu", {{"x", x}, {"out", out}}));
    RETURN_IF_ERROR(CheckFloat32("gelu", {x, out}));
    cpu::Gelu(x, out);
    return absl::OkStatus();
  }

  absl::Status GeluBackward(ConstTensor dout, ConstTensor x, Tensor dx,
                            Tensor out) override {
    constexpr std::string_view kName = "gelu_backward";
    RETURN_IF_ERROR(CheckSameShape(
        kName, {{"dout", dout}, {"x", x}, {"dx", dx}, {"out", out}}));
    RETURN_IF_ERROR(CheckFloat32(kName, {dout, x, dx, out}));
    cpu::GeluBackward(dout, x, dx, out);
    return absl::OkStatus();
  }

  absl::Status SwiGlu(ConstTensor gate, ConstTensor up, Tensor out) override {
    RETURN_IF_ERROR(
        CheckSameShape("swiglu", {{"gate", gate}, {"up", up}, {"out", out}}));
    RETURN_IF_ERROR(CheckFloat32("swiglu", {gate, up, out}));
    cpu::SwiGlu(gate, up, out);
    return absl::OkStatus();
  }

  absl::Status SwiGluBackward(ConstTensor dout, ConstTensor gate,
                              ConstTensor up, Tensor dgate, Tensor dup,
                              Tensor out) override {
    constexpr std::string_view kName = "swiglu_backward";
    RETURN_IF_ERROR(CheckSameShape(kName, {{"dout", dout},
                                           {"gate", gate},
                                           {"up", up},
                                           {"dgate", dgate},
                                           {"dup", dup},
                                           {"out", out}}));
    RETURN_IF_ERROR(CheckFloat32(kName, {dout, gate, up, dgate, dup, out}));
    cpu::SwiGluBackward(dout, gate, up, dgate, dup, out);
    return absl::OkStatus();
  }

  absl::Status Rope(const RopeShape& shape, Tensor x) override {
    RETURN_IF_ERROR(CheckRope("rope", shape, {"x", x}));
    RETURN_IF_ERROR(CheckFloat32("rope", {x}));
    cpu::Rope(shape, x);
    return absl::OkStatus();
  }

  absl::Status RopeBackward(const RopeShape& shape, Tensor dx) override {
    RETURN_IF_ERROR(CheckRope("rope_backward", shape, {"dx", dx}));
    RETURN_IF_ERROR(CheckFloat32("rope_backward", {dx}));
    cpu::RopeBackward(shape, dx);
    return absl::OkStatus();
  }

  absl::Status Attention(const AttentionShape& shape, ConstTensor q,
                         ConstTensor k, ConstTensor v, Tensor out, float* lse,
                         std::byte* scratch) override {
    RETURN_IF_ERROR(CheckAttention("attention", shape, {{"q", q}, {"out", out}},
                                   {{"k", k}, {"v", v}}));
    RETURN_IF_ERROR(CheckFloat32("attention", {q, k, v, out}));
    cpu::Attention(shape, q, k, v, out, lse, scratch);
    return absl::OkStatus();
  }

  absl::Status AttentionBackward(const AttentionShape& shape, ConstTensor q,
                                 ConstTensor k, ConstTensor v, ConstTensor out,
                                 ConstTensor dout, const float* lse, Tensor dq,
                                 Tensor dk, Tensor dv,
                                 std::byte* scratch) override {
    RETURN_IF_ERROR(
        CheckAttention("attention_backward", shape,
                       {{"q", q}, {"out", out}, {"dout", dout}, {"dq", dq}},
                       {{"k", k}, {"v", v}, {"dk", dk}, {"dv", dv}}));
    RETURN_IF_ERROR(
        CheckFloat32("attention_backward", {q, k, v, out, dout, dq, dk, dv}));
    cpu::AttentionBackward(shape, q, k, v, out, dout, lse, dq, dk, dv, scratch);
    return absl::OkStatus();
  }

  absl::Status Embedding(const int32_t* tokens, int64_t sequence,
                         ConstTensor token_table, ConstTensor position_table,
                         Tensor out) override {
    RETURN_IF_ERROR(CheckEmbedding("embedding", sequence, token_table,
                                   position_table, {"out", out}));
    RETURN_IF_ERROR(
        CheckFloat32("embedding", {token_table, position_table, out}));
    RETURN_IF_ERROR(CheckIndices("embedding", "token",
                                 {tokens, static_cast<size_t>(out.rows)},
                                 token_table.rows));
    cpu::Embedding(tokens, sequence, token_table, position_table, out);
    return absl::OkStatus();
  }

  absl::Status EmbeddingBackward(const int32_t* tokens, int64_t sequence,
                                 ConstTensor dout, Tensor d_token_table,
                                 Tensor d_position_table) override {
    constexpr std::string_view kName = "embedding_backward";
    RETURN_IF_ERROR(CheckEmbedding(kName, sequence, d_token_table,
                                   d_position_table, {"dout", dout}));
    RETURN_IF_ERROR(
        CheckFloat32(kName, {dout, d_token_table, d_position_table}));
    RETURN_IF_ERROR(CheckIndices(kName, "token",
                                 {tokens, static_cast<size_t>(dout.rows)},
                                 d_token_table.rows));
    cpu::EmbeddingBackward(tokens, sequence, dout, d_token_table,
                           d_position_table);
    return absl::OkStatus();
  }

  absl::Status CrossEntropy(Tensor logits, const int32_t* labels, float scale,
                            float* losses) override {
    RETURN_IF_ERROR(CheckSameShape("cross_entropy", {{"logits", logits}}));
    RETURN_IF_ERROR(CheckFloat32("cross_entropy", {logits}));
    RETURN_IF_ERROR(CheckIndices("cross_entropy", "label",
                                 {labels, static_cast<size_t>(logits.rows)},
                                 logits.cols));
    cpu::CrossEntropy(logits, labels, scale, losses);
    return absl::OkStatus();
  }

  absl::Status SumOfSquares(const float* x, int64_t count,
                            double* sum) override {
    RETURN_IF_ERROR(CheckCount("sum_of_squares", count));
    *sum = cpu::SumOfSquares(x, count);
    return absl::OkStatus();
  }

  absl::Status AdamW(const AdamWArgs& args) override {
    RETURN_IF_ERROR(CheckAdamW(args));
    cpu::AdamW(args);
    return absl::OkStatus();
  }

 private:
  cpu::Matmul matmul_;
};

}  // namespace

std::unique_ptr<Backend> MakeCpuBackend() {
  return std::make_unique<CpuBackend>();
}

}  // namespace penstock
