// The CUDA backend: checks of arguments and the way from the interface to the
// kernels, which are queued.

#include "kernels/cuda/cuda_backend.h"

#include <fmt/format.h>

#include <utility>

#include "kernels/arguments.h"
#include "kernels/cuda/adamw.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/cross_entropy.h"
#include "kernels/cuda/embedding.h"
#include "kernels/cuda/errors.h"
#include "kernels/cuda/gelu.h"
#include "kernels/cuda/layer_norm.h"
#include "kernels/cuda/reductions.h"
#include "kernels/cuda/rms_norm.h"
#include "kernels/cuda/rope.h"
#include "kernels/cuda/swiglu.h"
#include "kernels/cuda/workspace.h"
#include "proto/base/status_macros.h"

namespace penstock::cuda {
namespace {

// Absent tensors have any type.
absl::Status CheckSameType(std::string_view operation,
                           std::initializer_list<ConstTensor> tensors) {
  const DataType type = tensors.begin()->type;
  for (const ConstTensor& tensor : tensors) {
    if (tensor.data != nullptr && tensor.type != type) {
      return absl::UnimplementedError(fmt::format(
          "{}: the cuda backend takes tensors of one type here", operation));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFloat32(std::string_view operation,
                          std::initializer_list<ConstTensor> tensors) {
  for (const ConstTensor& tensor : tensors) {
    if (tensor.data != nullptr && tensor.type != DataType::kFloat32) {
      return absl::UnimplementedError(
          fmt::format("{}: gradients of tables are float32", operation));
    }
  }
  return absl::OkStatus();
}

// Launch grids have at most 2^31 - 1 blocks; each kernel has a block per row or
// per 256 elements at least.
absl::Status CheckGrid(std::string_view operation, const ConstTensor& tensor) {
  constexpr int64_t kBlocksMax = INT32_MAX;
  if (tensor.rows <= kBlocksMax &&
      (tensor.cols == 0 || tensor.rows <= kBlocksMax * 256 / tensor.cols)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("{}: [{}, {}] is too large for one launch", operation,
                  tensor.rows, tensor.cols));
}

class CudaBackend final : public Backend {
 public:
  CudaBackend(std::unique_ptr<Device> device,
              std::unique_ptr<Products> products,
              std::unique_ptr<FusedAttention> fused_attention,
              const Workspace& workspace)
      : device_(std::move(device)),
        products_(std::move(products)),
        fused_attention_(std::move(fused_attention)),
        workspace_(workspace) {}

  ~CudaBackend() override { device_->Free(workspace_.data); }

  std::string_view name() const override { return "cuda"; }

  absl::StatusOr<std::byte*> Allocate(int64_t bytes) override {
    return device_->Allocate(bytes);
  }
  void Free(std::byte* memory) override { device_->Free(memory); }

  absl::Status CopyIn(std::span<const std::byte> host,
                      std::byte* device) override {
    return device_->Copy(host.data(), device, std::ssize(host));
  }
  absl::Status CopyOut(const std::byte* device,
                       std::span<std::byte> host) override {
    return device_->Copy(device, host.data(), std::ssize(host));
  }
  absl::Status Copy(const std::byte* from, std::byte* to,
                    int64_t bytes) override {
    return device_->Copy(from, to, bytes);
  }
  absl::Status Zero(std::byte* memory, int64_t bytes) override {
    return device_->Zero(memory, bytes);
  }
  absl::Status Synchronize() override { return device_->Synchronize(); }

  absl::Status Matmul(const MatmulArgs& args) override;

  absl::Status ColumnSums(ConstTensor x, float* sums) override {
    RETURN_IF_ERROR(CheckSameShape("column_sums", {{"x", x}}));
    return FromCuda(cuda::ColumnSums(device_->stream(), x, workspace_, sums),
                    "column_sums");
  }

  absl::Status Accumulate(const float* x, int64_t count, float* out) override {
    RETURN_IF_ERROR(CheckCount("accumulate", count));
    return FromCuda(cuda::Accumulate(device_->stream(), x, count, out),
                    "accumulate");
  }

  absl::Status LayerNorm(ConstTensor x, const float* gain, const float* bias,
                         float epsilon, Tensor out, float* mean,
                         float* rstd) override {
    RETURN_IF_ERROR(CheckRows("layer_norm", {{"x", x}, {"out", out}}));
    return FromCuda(cuda::LayerNorm(device_->stream(), x, gain, bias, epsilon,
                                    out, mean, rstd),
                    "layer_norm");
  }

  absl::Status LayerNormApply(ConstTensor x, const float* mean,
                              const float* rstd, const float* gain,
                              const float* bias, Tensor out) override {
    RETURN_IF_ERROR(CheckRows("layer_norm_apply", {{"x", x}, {"out", out}}));
    return FromCuda(
        cuda::LayerNormApply(device_->stream(), x, mean, rstd, gain, bias, out),
        "layer_norm_apply");
  }

  absl::Status LayerNormBackwardInput(ConstTensor dout, ConstTensor x,
                                      const float* mean, const float* rstd,
                                      const float* gain, ConstTensor addend,
                                      Tensor dx) override {
    constexpr std::string_view kName = "layer_norm_backward_input";
    RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"x", x}, {"dx", dx}}));
    if (addend.data != nullptr) {
      RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"addend", addend}}));
    }
    return FromCuda(cuda::LayerNormBackwardInput(device_->stream(), dout, x,
                                                 mean, rstd, gain, addend, dx),
                    kName);
  }

  absl::Status LayerNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                       const float* mean, const float* rstd,
                                       float* dgain, float* dbias) override {
    constexpr std::string_view kName = "layer_norm_backward_weight";
    RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"x", x}}));
    return FromCuda(
        cuda::LayerNormBackwardWeight(device_->stream(), dout, x, mean, rstd,
                                      workspace_, dgain, dbias),
        kName);
  }

  absl::Status RmsNorm(ConstTensor x, const float* gain, float epsilon,
                       Tensor out, float* rstd) override {
    RETURN_IF_ERROR(CheckRows("rms_norm", {{"x", x}, {"out", out}}));
    return FromCuda(
        cuda::RmsNorm(device_->stream(), x, gain, epsilon, out, rstd),
        "rms_norm");
  }

  absl::Status RmsNormApply(ConstTensor x, const float* rstd, const float* gain,
                            Tensor out) override {
    RETURN_IF_ERROR(CheckRows("rms_norm_apply", {{"x", x}, {"out", out}}));
    return FromCuda(cuda::RmsNormApply(device_->stream(), x, rstd, gain, out),
                    "rms_norm_apply");
  }

  absl::Status RmsNormBackwardInput(ConstTensor dout, ConstTensor x,
                                    const float* rstd, const float* gain,
                                    ConstTensor addend, Tensor dx) override {
    constexpr std::string_view kName = "rms_norm_backward_input";
    RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"x", x}, {"dx", dx}}));
    if (addend.data != nullptr) {
      RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"addend", addend}}));
    }
    return FromCuda(cuda::RmsNormBackwardInput(device_->stream(), dout, x, rstd,
                                               gain, addend, dx),
                    kName);
  }

  absl::Status RmsNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                     const float* rstd, float* dgain) override {
    constexpr std::string_view kName = "rms_norm_backward_weight";
    RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"x", x}}));
    return FromCuda(cuda::RmsNormBackwardWeight(device_->stream(), dout, x,
                                                rstd, workspace_, dgain),
                    kName);
  }

  absl::Status Gelu(ConstTensor x, Tensor out) override {
    RETURN_IF_ERROR(CheckRows("gelu", {{"x", x}, {"out", out}}));
    return FromCuda(cuda::Gelu(device_->stream(), x, out), "gelu");
  }

  absl::Status GeluBackward(ConstTensor dout, ConstTensor x, Tensor dx,
                            Tensor out) override {
    constexpr std::string_view kName = "gelu_backward";
    RETURN_IF_ERROR(
        CheckRows(kName, {{"dout", dout}, {"x", x}, {"dx", dx}, {"out", out}}));
    return FromCuda(cuda::GeluBackward(device_->stream(), dout, x, dx, out),
                    kName);
  }

  absl::Status SwiGlu(ConstTensor gate, ConstTensor up, Tensor out) override {
    RETURN_IF_ERROR(
        CheckRows("swiglu", {{"gate", gate}, {"up", up}, {"out", out}}));
    return FromCuda(cuda::SwiGlu(device_->stream(), gate, up, out), "swiglu");
  }

  absl::Status SwiGluBackward(ConstTensor dout, ConstTensor gate,
                              ConstTensor up, Tensor dgate, Tensor dup,
                              Tensor out) override {
    constexpr std::string_view kName = "swiglu_backward";
    RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout},
                                      {"gate", gate},
                                      {"up", up},
                                      {"dgate", dgate},
                                      {"dup", dup},
                                      {"out", out}}));
    return FromCuda(cuda::SwiGluBackward(device_->stream(), dout, gate, up,
                                         dgate, dup, out),
                    kName);
  }

  absl::Status Rope(const RopeShape& shape, Tensor x) override {
    RETURN_IF_ERROR(CheckTurn("rope", shape, {"x", x}));
    return FromCuda(cuda::Rope(device_->stream(), shape, x), "rope");
  }

  absl::Status RopeBackward(const RopeShape& shape, Tensor dx) override {
    RETURN_IF_ERROR(CheckTurn("rope_backward", shape, {"dx", dx}));
    return FromCuda(cuda::RopeBackward(device_->stream(), shape, dx),
                    "rope_backward");
  }

  absl::Status Attention(const AttentionShape& shape, ConstTensor q,
                         ConstTensor k, ConstTensor v, Tensor out, float* lse,
                         std::byte* scratch) override;

  absl::Status AttentionBackward(const AttentionShape& shape, ConstTensor q,
                                 ConstTensor k, ConstTensor v, ConstTensor out,
                                 ConstTensor dout, const float* lse, Tensor dq,
                                 Tensor dk, Tensor dv,
                                 std::byte* scratch) override;

  absl::Status Embedding(const int32_t* tokens, int64_t sequence,
                         ConstTensor token_table, ConstTensor position_table,
                         Tensor out) override {
    RETURN_IF_ERROR(CheckEmbedding("embedding", sequence, token_table,
                                   position_table, {"out", out}));
    RETURN_IF_ERROR(CheckSameType("embedding", {token_table, position_table}));
    RETURN_IF_ERROR(CheckGrid("embedding", out));
    return FromCuda(cuda::Embedding(device_->stream(), tokens, sequence,
                                    token_table, position_table, out),
                    "embedding");
  }

  absl::Status EmbeddingBackward(const int32_t* tokens, int64_t sequence,
                                 ConstTensor dout, Tensor d_token_table,
                                 Tensor d_position_table) override {
    constexpr std::string_view kName = "embedding_backward";
    RETURN_IF_ERROR(CheckEmbedding(kName, sequence, d_token_table,
                                   d_position_table, {"dout", dout}));
    RETURN_IF_ERROR(CheckFloat32(kName, {d_token_table, d_position_table}));
    RETURN_IF_ERROR(CheckGrid(kName, dout));
    return FromCuda(
        cuda::EmbeddingBackward(device_->stream(), tokens, sequence, dout,
                                d_token_table, d_position_table),
        kName);
  }

  absl::Status CrossEntropy(Tensor logits, const int32_t* labels, float scale,
                            float* losses) override {
    RETURN_IF_ERROR(CheckRows("cross_entropy", {{"logits", logits}}));
    return FromCuda(
        cuda::CrossEntropy(device_->stream(), logits, labels, scale, losses),
        "cross_entropy");
  }

  absl::Status SumOfSquares(const float* x, int64_t count,
                            double* sum) override {
    RETURN_IF_ERROR(CheckCount("sum_of_squares", count));
    RETURN_IF_ERROR(
        FromCuda(cuda::SumOfSquares(device_->stream(), x, count, workspace_),
                 "sum_of_squares"));
    RETURN_IF_ERROR(device_->Copy(workspace_.data, sum, sizeof(*sum)));
    return device_->Synchronize();
  }

  absl::Status AdamW(const AdamWArgs& args) override {
    RETURN_IF_ERROR(CheckAdamW(args));
    return FromCuda(cuda::AdamW(device_->stream(), args), "adamw");
  }

 private:
  // Shapes and types of tensors that an operation takes row by row.
  static absl::Status CheckRows(std::string_view operation,
                                std::initializer_list<TensorArgument> tensors) {
    RETURN_IF_ERROR(CheckSameShape(operation, tensors));
    const ConstTensor& first = tensors.begin()->tensor;
    for (const TensorArgument& named : tensors) {
      RETURN_IF_ERROR(CheckSameType(operation, {first, named.tensor}));
    }
    return CheckGrid(operation, first);
  }

  absl::StatusOr<bool> IsFused(const AttentionTensors& tensors, bool backward) {
    if (fused_attention_ == nullptr) return false;
    return fused_attention_->Takes(tensors, backward);
  }

  static absl::Status CheckTurn(std::string_view operation,
                                const RopeShape& shape,
                                const TensorArgument& x) {
    RETURN_IF_ERROR(CheckRope(operation, shape, x));
    RETURN_IF_ERROR(CheckGrid(operation, x.tensor));
    if (shape.head_dim <= kRopeHeadDimMax) return absl::OkStatus();
    return absl::UnimplementedError(
        fmt::format("{}: heads of {} columns; the cuda backend takes at most "
                    "{}",
                    operation, shape.head_dim, kRopeHeadDimMax));
  }

  const std::unique_ptr<Device> device_;
  const std::unique_ptr<Products> products_;
  const std::unique_ptr<FusedAttention> fused_attention_;
  const Workspace workspace_;
};

absl::Status CudaBackend::Matmul(const MatmulArgs& args) {
  RETURN_IF_ERROR(CheckMatmul(args));
  RETURN_IF_ERROR(CheckGrid("matmul", args.c));
  if (args.c.rows == 0 || args.c.cols == 0) return absl::OkStatus();
  if ((args.transpose_a ? args.a.rows : args.a.cols) > 0) {
    return products_->Run(device_->stream(), args, workspace_);
  }
  // A product over nothing is what is added.
  if (args.accumulate) return absl::OkStatus();
  return FromCuda(FillRows(device_->stream(), args.bias, args.addend, args.c),
                  "matmul");
}

absl::Status CheckHeadDim(std::string_view operation,
                          const AttentionShape& shape) {
  if (shape.head_dim <= kHeadDimMax) return absl::OkStatus();
  return absl::UnimplementedError(
      fmt::format("{}: heads of {} columns; the cuda backend takes at most {}",
                  operation, shape.head_dim, kHeadDimMax));
}

absl::Status CudaBackend::Attention(const AttentionShape& shape, ConstTensor q,
                                    ConstTensor k, ConstTensor v, Tensor out,
                                    float* lse, std::byte* /*scratch*/) {
  constexpr std::string_view kName = "attention";
  RETURN_IF_ERROR(CheckAttention(kName, shape, {{"q", q}, {"out", out}},
                                 {{"k", k}, {"v", v}}));
  RETURN_IF_ERROR(CheckSameType(kName, {q, k, v, out}));
  const AttentionTensors tensors{
      .shape = shape, .q = q, .k = k, .v = v, .lse = lse, .out = out};
  ASSIGN_OR_RETURN(const bool fused, IsFused(tensors, /*backward=*/false));
  if (fused) {
    return fused_attention_->Forward(device_->stream(), tensors);
  }
  RETURN_IF_ERROR(CheckHeadDim(kName, shape));
  return FromCuda(cuda::Attention(device_->stream(), shape, q, k, v, out, lse),
                  kName);
}

absl::Status CudaBackend::AttentionBackward(const AttentionShape& shape,
                                            ConstTensor q, ConstTensor k,
                                            ConstTensor v, ConstTensor out,
                                            ConstTensor dout, const float* lse,
                                            Tensor dq, Tensor dk, Tensor dv,
                                            std::byte* /*scratch*/) {
  constexpr std::string_view kName = "attention_backward";
  RETURN_IF_ERROR(CheckAttention(
      kName, shape, {{"q", q}, {"out", out}, {"dout", dout}, {"dq", dq}},
      {{"k", k}, {"v", v}, {"dk", dk}, {"dv", dv}}));
  RETURN_IF_ERROR(CheckSameType(kName, {q, k, v, out, dout, dq, dk, dv}));
  const AttentionTensors tensors{.shape = shape,
                                 .q = q,
                                 .k = k,
                                 .v = v,
                                 // Backward only reads these two.
                                 .lse = const_cast<float*>(lse),
                                 .out = {const_cast<void*>(out.data), out.rows,
                                         out.cols, out.stride, out.type},
                                 .dout = dout,
                                 .dq = dq,
                                 .dk = dk,
                                 .dv = dv};
  ASSIGN_OR_RETURN(const bool fused, IsFused(tensors, /*backward=*/true));
  if (fused) {
    return fused_attention_->Backward(device_->stream(), tensors);
  }
  RETURN_IF_ERROR(CheckHeadDim(kName, shape));
  const int64_t delta_bytes =
      shape.batch * shape.heads * shape.sequence * int64_t{sizeof(float)};
  if (delta_bytes > workspace_.bytes) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: {} bytes of row sums exceed the workspace of {}",
                    kName, delta_bytes, workspace_.bytes));
  }
  return FromCuda(cuda::AttentionBackward(
                      device_->stream(), shape, q, k, v, out, dout, lse,
                      reinterpret_cast<float*>(workspace_.data), dq, dk, dv),
                  kName);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> MakeBackend(
    std::unique_ptr<Device> device, std::unique_ptr<Products> products,
    std::unique_ptr<FusedAttention> fused_attention) {
  ASSIGN_OR_RETURN(std::byte* const memory,
                   device->Allocate(Workspace::kBytes));
  const Workspace workspace{.data = memory, .bytes = Workspace::kBytes};
  return std::make_unique<CudaBackend>(std::move(device), std::move(products),
                                       std::move(fused_attention), workspace);
}

}  // namespace penstock::cuda
