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
#include "kernels/cpu/attention_group.h"
#include "kernels/cpu/bfloat16.h"
#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/embedding.h"
#include "kernels/cpu/gelu.h"
#include "kernels/cpu/layer_norm.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/reductions.h"
#include "kernels/cpu/rms_norm.h"
#include "kernels/cpu/rope.h"
#include "kernels/cpu/swiglu.h"
#include "kernels/cpu/widening.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

constexpr int64_t kAlignment = 256;
constexpr int64_t kHugePage = int64_t{2} << 20;

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

// The shape of rows from `begin` on that end before the next sequence.
RopeShape From(int64_t begin, RopeShape shape) {
  shape.before += begin % shape.sequence;
  return shape;
}

template <typename AnyTensor>
AnyTensor RowIfAny(const AnyTensor& table, int64_t row) {
  return table.data == nullptr ? table : Rows(table, row, 1);
}

// Calls operation(group) for each group of heads of each sample.
template <typename Operation>
void ByGroups(const AttentionShape& shape, const Operation& operation) {
  for (int64_t sample = 0; sample < shape.batch; ++sample) {
    for (int64_t group = 0; group < shape.groups(); ++group) {
      operation(cpu::AttentionGroup(shape, sample, group));
    }
  }
}

class CpuBackend final : public Backend {
 public:
  std::string_view name() const override { return "cpu"; }
  bool host_memory() const override { return true; }

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
  absl::Status Replay(uint64_t /*key*/,
                      const std::function<absl::Status()>& queue) override {
    return queue();
  }

  absl::Status Matmul(const MatmulArgs& args) override {
    RETURN_IF_ERROR(CheckMatmul(args));
    return matmul_.Run(args);
  }

  absl::Status ColumnSums(ConstTensor x, float* sums) override {
    RETURN_IF_ERROR(CheckSameShape("column_sums", {{"x", x}}));
    widening_.ByRows(
        {x}, {}, [=](int64_t, auto in, auto) { cpu::ColumnSums(in[0], sums); });
    return absl::OkStatus();
  }

  absl::Status Accumulate(const float* x, int64_t count, float* out) override {
    RETURN_IF_ERROR(CheckCount("accumulate", count));
    cpu::Accumulate(x, count, out);
    return absl::OkStatus();
  }

  absl::Status Round(ConstTensor x, Tensor out) override {
    RETURN_IF_ERROR(CheckRound(x, out));
    cpu::Convert(x, out);
    return absl::OkStatus();
  }

  absl::Status LayerNorm(ConstTensor x, const float* gain, const float* bias,
                         float epsilon, Tensor out, float* mean,
                         float* rstd) override {
    RETURN_IF_ERROR(CheckSameShape("layer_norm", {{"x", x}, {"out", out}}));
    widening_.ByRows({x}, {out}, [=](int64_t begin, auto in, auto to) {
      cpu::LayerNorm(in[0], gain, bias, epsilon, to[0], mean + begin,
                     rstd + begin);
    });
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
    widening_.ByRows(
        {dout, x, addend}, {dx}, [=](int64_t begin, auto in, auto to) {
          cpu::LayerNormBackwardInput(in[0], in[1], mean + begin, rstd + begin,
                                      gain, in[2], to[0]);
        });
    return absl::OkStatus();
  }

  absl::Status LayerNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                       const float* mean, const float* rstd,
                                       const float* gain, const float* bias,
                                       Tensor out, float* dgain,
                                       float* dbias) override {
    constexpr std::string_view kName = "layer_norm_backward_weight";
    RETURN_IF_ERROR(CheckSameShape(kName, {{"dout", dout}, {"x", x}}));
    if (out.data != nullptr) {
      RETURN_IF_ERROR(CheckSameShape(kName, {{"dout", dout}, {"out", out}}));
      widening_.ByRows({x}, {out}, [=](int64_t begin, auto in, auto to) {
        cpu::LayerNormApply(in[0], mean + begin, rstd + begin, gain, bias,
                            to[0]);
      });
    }
    widening_.ByRows({dout, x}, {}, [=](int64_t begin, auto in, auto) {
      cpu::LayerNormBackwardWeight(in[0], in[1], mean + begin, rstd + begin,
                                   dgain, dbias);
    });
    return absl::OkStatus();
  }

  absl::Status RmsNorm(ConstTensor x, const float* gain, float epsilon,
                       Tensor out, float* rstd) override {
    RETURN_IF_ERROR(CheckSameShape("rms_norm", {{"x", x}, {"out", out}}));
    widening_.ByRows({x}, {out}, [=](int64_t begin, auto in, auto to) {
      cpu::RmsNorm(in[0], gain, epsilon, to[0], rstd + begin);
    });
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
    widening_.ByRows({dout, x, addend}, {dx},
                     [=](int64_t begin, auto in, auto to) {
                       cpu::RmsNormBackwardInput(in[0], in[1], rstd + begin,
                                                 gain, in[2], to[0]);
                     });
    return absl::OkStatus();
  }

  absl::Status RmsNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                     const float* rstd, const float* gain,
                                     Tensor out, float* dgain) override {
    constexpr std::string_view kName = "rms_norm_backward_weight";
    RETURN_IF_ERROR(CheckSameShape(kName, {{"dout", dout}, {"x", x}}));
    if (out.data != nullptr) {
      RETURN_IF_ERROR(CheckSameShape(kName, {{"dout", dout}, {"out", out}}));
      widening_.ByRows({x}, {out}, [=](int64_t begin, auto in, auto to) {
        cpu::RmsNormApply(in[0], rstd + begin, gain, to[0]);
      });
    }
    widening_.ByRows({dout, x}, {}, [=](int64_t begin, auto in, auto) {
      cpu::RmsNormBackwardWeight(in[0], in[1], rstd + begin, dgain);
    });
    return absl::OkStatus();
  }

  absl::Status Gelu(ConstTensor x, Tensor out) override {
    RETURN_IF_ERROR(CheckSameShape("gelu", {{"x", x}, {"out", out}}));
    widening_.ByRows(
        {x}, {out}, [](int64_t, auto in, auto to) { cpu::Gelu(in[0], to[0]); });
    return absl::OkStatus();
  }

  absl::Status GeluBackward(ConstTensor dout, ConstTensor x, Tensor dx,
                            Tensor out, float* sums) override {
    constexpr std::string_view kName = "gelu_backward";
    RETURN_IF_ERROR(CheckSameShape(
        kName, {{"dout", dout}, {"x", x}, {"dx", dx}, {"out", out}}));
    widening_.ByRows({dout, x}, {dx, out}, [=](int64_t, auto in, auto to) {
      cpu::GeluBackward(in[0], in[1], to[0], to[1]);
      cpu::ColumnSums(to[0], sums);
    });
    return absl::OkStatus();
  }

  absl::Status SwiGlu(ConstTensor gate, ConstTensor up, Tensor out) override {
    RETURN_IF_ERROR(
        CheckSameShape("swiglu", {{"gate", gate}, {"up", up}, {"out", out}}));
    widening_.ByRows({gate, up}, {out}, [](int64_t, auto in, auto to) {
      cpu::SwiGlu(in[0], in[1], to[0]);
    });
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
    widening_.ByRows(
        {dout, gate, up}, {dgate, dup, out}, [](int64_t, auto in, auto to) {
          cpu::SwiGluBackward(in[0], in[1], in[2], to[0], to[1], to[2]);
        });
    return absl::OkStatus();
  }

  absl::Status Rope(const RopeShape& shape, Tensor x) override {
    RETURN_IF_ERROR(CheckRope("rope", shape, {"x", x}));
    widening_.InPlace(x, shape.sequence, [&](int64_t begin, Tensor rows) {
      cpu::Rope(From(begin, shape), rows);
    });
    return absl::OkStatus();
  }

  absl::Status RopeBackward(const RopeShape& shape, Tensor dx) override {
    RETURN_IF_ERROR(CheckRope("rope_backward", shape, {"dx", dx}));
    widening_.InPlace(dx, shape.sequence, [&](int64_t begin, Tensor rows) {
      cpu::RopeBackward(From(begin, shape), rows);
    });
    return absl::OkStatus();
  }

  absl::Status Attention(const AttentionShape& shape, ConstTensor q,
                         ConstTensor k, ConstTensor v, Tensor out, float* lse,
                         std::byte* scratch) override {
    RETURN_IF_ERROR(CheckAttention("attention", shape, {{"q", q}, {"out", out}},
                                   {{"k", k}, {"v", v}}));
    ByGroups(shape, [&](const cpu::AttentionGroup& group) {
      const ConstTensor inputs[] = {group.Queries(q), group.Keys(k),
                                    group.Keys(v)};
      const Tensor outputs[] = {group.Queries(out)};
      widening_.Whole(inputs, outputs, [&](auto in, auto to) {
        cpu::Attention(group.shape(), in[0], in[1], in[2], to[0],
                       group.Statistics(lse), scratch);
      });
    });
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
    ByGroups(shape, [&](const cpu::AttentionGroup& group) {
      const ConstTensor inputs[] = {group.Queries(q), group.Keys(k),
                                    group.Keys(v), group.Queries(out),
                                    group.Queries(dout)};
      const Tensor outputs[] = {group.Queries(dq), group.Keys(dk),
                                group.Keys(dv)};
      widening_.Whole(inputs, outputs, [&](auto in, auto to) {
        cpu::AttentionBackward(group.shape(), in[0], in[1], in[2], in[3], in[4],
                               group.Statistics(lse), to[0], to[1], to[2],
                               scratch);
      });
    });
    return absl::OkStatus();
  }

  absl::Status Embedding(const int32_t* tokens, int64_t sequence,
                         ConstTensor token_table, ConstTensor position_table,
                         Tensor out) override {
    RETURN_IF_ERROR(CheckEmbedding("embedding", sequence, token_table,
                                   position_table, {"out", out}));
    RETURN_IF_ERROR(CheckIndices("embedding", "token",
                                 {tokens, static_cast<size_t>(out.rows)},
                                 token_table.rows));
    for (int64_t r = 0; r < out.rows; ++r) {
      const ConstTensor inputs[] = {Rows(token_table, tokens[r], 1),
                                    RowIfAny(position_table, r % sequence)};
      const Tensor outputs[] = {Rows(out, r, 1)};
      widening_.Whole(inputs, outputs, [](auto in, auto to) {
        cpu::Embedding(in[0], in[1], to[0]);
      });
    }
    return absl::OkStatus();
  }

  absl::Status EmbeddingBackward(const int32_t* tokens, int64_t sequence,
                                 ConstTensor dout, Tensor d_token_table,
                                 Tensor d_position_table) override {
    constexpr std::string_view kName = "embedding_backward";
    RETURN_IF_ERROR(CheckEmbedding(kName, sequence, d_token_table,
                                   d_position_table, {"dout", dout}));
    RETURN_IF_ERROR(CheckIndices(kName, "token",
                                 {tokens, static_cast<size_t>(dout.rows)},
                                 d_token_table.rows));
    for (int64_t r = 0; r < dout.rows; ++r) {
      const ConstTensor inputs[] = {Rows(dout, r, 1)};
      widening_.Whole(inputs, {}, [&](auto in, auto) {
        cpu::EmbeddingBackward(in[0], Rows(d_token_table, tokens[r], 1),
                               RowIfAny(d_position_table, r % sequence));
      });
    }
    return absl::OkStatus();
  }

  absl::Status CrossEntropy(Tensor logits, const int32_t* labels, float scale,
                            float* losses) override {
    RETURN_IF_ERROR(CheckSameShape("cross_entropy", {{"logits", logits}}));
    RETURN_IF_ERROR(CheckIndices("cross_entropy", "label",
                                 {labels, static_cast<size_t>(logits.rows)},
                                 logits.cols));
    widening_.InPlace(logits, logits.rows, [=](int64_t begin, Tensor rows) {
      cpu::CrossEntropy(rows, labels + begin, scale, losses + begin);
    });
    return absl::OkStatus();
  }

  absl::Status SumsOfSquares(std::span<const std::span<const float>> arrays,
                             std::span<double> sums) override {
    RETURN_IF_ERROR(CheckSums(std::ssize(arrays), std::ssize(sums)));
    for (size_t i = 0; i < arrays.size(); ++i) {
      sums[i] = cpu::SumOfSquares(arrays[i].data(), std::ssize(arrays[i]));
    }
    return absl::OkStatus();
  }

  absl::Status AdamW(const AdamWArgs& args) override {
    RETURN_IF_ERROR(CheckAdamW(args));
    cpu::AdamW(args);
    if (args.rounded != nullptr) {
      cpu::Convert(
          Float32(args.weight, 1, args.count),
          {args.rounded, 1, args.count, args.count, DataType::kBFloat16});
    }
    return absl::OkStatus();
  }

 private:
  cpu::Matmul matmul_;
  cpu::Widening widening_;
};

}  // namespace

std::unique_ptr<Backend> MakeCpuBackend() {
  return std::make_unique<CpuBackend>();
}

}  // namespace penstock
