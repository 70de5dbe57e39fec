// The CUDA backend: checks of arguments and the way from the interface to the
// kernels, which are queued.

#include "kernels/cuda/cuda_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/arguments.h"
#include "kernels/cuda/adamw.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/bfloat16.h"
#include "kernels/cuda/cross_entropy.h"
#include "kernels/cuda/embedding.h"
#include "kernels/cuda/errors.h"
#include "kernels/cuda/gelu.h"
#include "kernels/cuda/graphs.h"
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
              std::unique_ptr<FusedAttention> fused_attention, GraphUse graphs,
              const Workspace& workspace)
      : device_(std::move(device)),
        products_(std::move(products)),
        fused_attention_(std::move(fused_attention)),
        workspace_(workspace),
        graphs_(*device_, graphs) {}

  ~CudaBackend() override {
    device_->Free(workspace_.data);
    if (device_->Stream().ok()) return;
    // The libraries' destructors would wait for the lost device.
    products_.release();
    fused_attention_.release();
  }

  std::string_view name() const override { return "cuda"; }
  bool host_memory() const override { return false; }

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
  absl::Status Synchronize() override {
    RETURN_IF_ERROR(device_->Synchronize());
    graphs_.EndMeasuring();
    return absl::OkStatus();
  }
  absl::Status Replay(uint64_t key,
                      const std::function<absl::Status()>& queue) override {
    return graphs_.Replay(key, queue);
  }

  absl::Status Matmul(const MatmulArgs& args) override;

  absl::Status ColumnSums(ConstTensor x, float* sums) override {
    RETURN_IF_ERROR(CheckSameShape("column_sums", {{"x", x}}));
    return Queue("column_sums", [&](cudaStream_t stream) {
      return cuda::ColumnSums(stream, x, workspace_, sums);
    });
  }

  absl::Status Accumulate(const float* x, int64_t count, float* out) override {
    RETURN_IF_ERROR(CheckCount("accumulate", count));
    return Queue("accumulate", [&](cudaStream_t stream) {
      return cuda::Accumulate(stream, x, count, out);
    });
  }

  absl::Status Round(ConstTensor x, Tensor out) override {
    RETURN_IF_ERROR(CheckRound(x, out));
    return Queue("round", [&](cudaStream_t stream) {
      return cuda::Round(stream, x, out);
    });
  }

  absl::Status LayerNorm(ConstTensor x, const float* gain, const float* bias,
                         float epsilon, Tensor out, float* mean,
                         float* rstd) override {
    RETURN_IF_ERROR(CheckRows("layer_norm", {{"x", x}, {"out", out}}));
    return Queue("layer_norm", [&](cudaStream_t stream) {
      return cuda::LayerNorm(stream, x, gain, bias, epsilon, out, mean, rstd);
    });
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
    return Queue(kName, [&](cudaStream_t stream) {
      return cuda::LayerNormBackwardInput(stream, dout, x, mean, rstd, gain,
                                          addend, dx);
    });
  }

  absl::Status LayerNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                       const float* mean, const float* rstd,
                                       const float* gain, const float* bias,
                                       Tensor out, float* dgain,
                                       float* dbias) override {
    constexpr std::string_view kName = "layer_norm_backward_weight";
    RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"x", x}}));
    if (out.data != nullptr) {
      RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"out", out}}));
    }
    return Queue(kName, [&](cudaStream_t stream) {
      return cuda::LayerNormBackwardWeight(stream, dout, x, mean, rstd, gain,
                                           bias, workspace_, out, dgain, dbias);
    });
  }

  absl::Status RmsNorm(ConstTensor x, const float* gain, float epsilon,
                       Tensor out, float* rstd) override {
    RETURN_IF_ERROR(CheckRows("rms_norm", {{"x", x}, {"out", out}}));
    return Queue("rms_norm", [&](cudaStream_t stream) {
      return cuda::RmsNorm(stream, x, gain, epsilon, out, rstd);
    });
  }

  absl::Status RmsNormBackwardInput(ConstTensor dout, ConstTensor x,
                                    const float* rstd, const float* gain,
                                    ConstTensor addend, Tensor dx) override {
    constexpr std::string_view kName = "rms_norm_backward_input";
    RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"x", x}, {"dx", dx}}));
    if (addend.data != nullptr) {
      RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"addend", addend}}));
    }
    return Queue(kName, [&](cudaStream_t stream) {
      return cuda::RmsNormBackwardInput(stream, dout, x, rstd, gain, addend,
                                        dx);
    });
  }

  absl::Status RmsNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                     const float* rstd, const float* gain,
                                     Tensor out, float* dgain) override {
    constexpr std::string_view kName = "rms_norm_backward_weight";
    RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"x", x}}));
    if (out.data != nullptr) {
      RETURN_IF_ERROR(CheckRows(kName, {{"dout", dout}, {"out", out}}));
    }
    return Queue(kName, [&](cudaStream_t stream) {
      return cuda::RmsNormBackwardWeight(stream, dout, x, rstd, gain,
                                         workspace_, out, dgain);
    });
  }

  absl::Status Gelu(ConstTensor x, Tensor out) override {
    RETURN_IF_ERROR(CheckRows("gelu", {{"x", x}, {"out", out}}));
    return Queue("gelu", [&](cudaStream_t stream) {
      return cuda::Gelu(stream, x, out);
    });
  }

  absl::Status GeluBackward(ConstTensor dout, ConstTensor x, Tensor dx,
                            Tensor out, float* sums) override {
    constexpr std::string_view kName = "gelu_backward";
    RETURN_IF_ERROR(
        CheckRows(kName, {{"dout", dout}, {"x", x}, {"dx", dx}, {"out", out}}));
    return Queue(kName, [&](cudaStream_t stream) {
      return cuda::GeluBackward(stream, dout, x, workspace_, dx, out, sums);
    });
  }

  absl::Status SwiGlu(ConstTensor gate, ConstTensor up, Tensor out) override {
    RETURN_IF_ERROR(
        CheckRows("swiglu", {{"gate", gate}, {"up", up}, {"out", out}}));
    return Queue("swiglu", [&](cudaStream_t stream) {
      return cuda::SwiGlu(stream, gate, up, out);
    });
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
    return Queue(kName, [&](cudaStream_t stream) {
      return cuda::SwiGluBackward(stream, dout, gate, up, dgate, dup, out);
    });
  }

  absl::Status Rope(const RopeShape& shape, Tensor x) override {
    RETURN_IF_ERROR(CheckTurn("rope", shape, {"x", x}));
    return Queue("rope", [&](cudaStream_t stream) {
      return cuda::Rope(stream, shape, x);
    });
  }

  absl::Status RopeBackward(const RopeShape& shape, Tensor dx) override {
    RETURN_IF_ERROR(CheckTurn("rope_backward", shape, {"dx", dx}));
    return Queue("rope_backward", [&](cudaStream_t stream) {
      return cuda::RopeBackward(stream, shape, dx);
    });
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
    return Queue("embedding", [&](cudaStream_t stream) {
      return cuda::Embedding(stream, tokens, sequence, token_table,
                             position_table, out);
    });
  }

  absl::Status EmbeddingBackward(const int32_t* tokens, int64_t sequence,
                                 ConstTensor dout, Tensor d_token_table,
                                 Tensor d_position_table) override {
    constexpr std::string_view kName = "embedding_backward";
    RETURN_IF_ERROR(CheckEmbedding(kName, sequence, d_token_table,
                                   d_position_table, {"dout", dout}));
    RETURN_IF_ERROR(CheckFloat32(kName, {d_token_table, d_position_table}));
    RETURN_IF_ERROR(CheckGrid(kName, dout));
    return Queue(kName, [&](cudaStream_t stream) {
      return cuda::EmbeddingBackward(stream, tokens, sequence, dout, workspace_,
                                     d_token_table, d_position_table);
    });
  }

  absl::Status CrossEntropy(Tensor logits, const int32_t* labels, float scale,
                            float* losses) override {
    RETURN_IF_ERROR(CheckRows("cross_entropy", {{"logits", logits}}));
    return Queue("cross_entropy", [&](cudaStream_t stream) {
      return cuda::CrossEntropy(stream, logits, labels, scale, losses);
    });
  }

  absl::Status SumsOfSquares(std::span<const std::span<const float>> arrays,
                             std::span<double> sums) override {
    RETURN_IF_ERROR(CheckSums(std::ssize(arrays), std::ssize(sums)));
    for (size_t begin = 0; begin < arrays.size(); begin += kSquaresMax) {
      const auto some = arrays.subspan(
          begin, std::min<size_t>(arrays.size() - begin, kSquaresMax));
      RETURN_IF_ERROR(Queue("sums_of_squares", [&](cudaStream_t stream) {
        return cuda::SumsOfSquares(stream, some, workspace_);
      }));
      RETURN_IF_ERROR(device_->Copy(workspace_.data, &sums[begin],
                                    std::ssize(some) * sizeof(double)));
    }
    return Synchronize();
  }

  absl::Status AdamW(const AdamWArgs& args) override {
    RETURN_IF_ERROR(CheckAdamW(args));
    return Queue("adamw", [&](cudaStream_t stream) {
      return cuda::AdamW(stream, args);
    });
  }

 private:
  // Queues launch(stream), which returns CUDA's error.
  template <typename Launch>
  absl::Status Queue(std::string_view operation, const Launch& launch) {
    ASSIGN_OR_RETURN(const cudaStream_t stream, device_->Stream());
    return FromCuda(launch(stream), operation);
  }

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
  std::unique_ptr<Products> products_;
  std::unique_ptr<FusedAttention> fused_attention_;
  const Workspace workspace_;
  Graphs graphs_;
};

absl::Status CudaBackend::Matmul(const MatmulArgs& args) {
  RETURN_IF_ERROR(CheckMatmul(args));
  RETURN_IF_ERROR(CheckGrid("matmul", args.c));
  if (args.c.rows == 0 || args.c.cols == 0) return absl::OkStatus();
  if ((args.transpose_a ? args.a.rows : args.a.cols) > 0) {
    ASSIGN_OR_RETURN(const cudaStream_t stream, device_->Stream());
    return products_->Run(stream, args, workspace_);
  }
  // A product over nothing is what is added.
  if (args.accumulate) return absl::OkStatus();
  return Queue("matmul", [&](cudaStream_t stream) {
    return FillRows(stream, args.bias, args.addend, args.c);
  });
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
    ASSIGN_OR_RETURN(const cudaStream_t stream, device_->Stream());
    return fused_attention_->Forward(stream, tensors);
  }
  RETURN_IF_ERROR(CheckHeadDim(kName, shape));
  return Queue(kName, [&](cudaStream_t stream) {
    return cuda::Attention(stream, shape, q, k, v, out, lse);
  });
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
    ASSIGN_OR_RETURN(const cudaStream_t stream, device_->Stream());
    return fused_attention_->Backward(stream, tensors);
  }
  RETURN_IF_ERROR(CheckHeadDim(kName, shape));
  const int64_t delta_bytes =
      shape.batch * shape.heads * shape.sequence * int64_t{sizeof(float)};
  if (delta_bytes > workspace_.bytes) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: {} bytes of row sums exceed the workspace of {}",
                    kName, delta_bytes, workspace_.bytes));
  }
  return Queue(kName, [&](cudaStream_t stream) {
    return cuda::AttentionBackward(stream, shape, q, k, v, out, dout, lse,
                                   reinterpret_cast<float*>(workspace_.data),
                                   dq, dk, dv);
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> MakeBackend(
    std::unique_ptr<Device> device, std::unique_ptr<Products> products,
    std::unique_ptr<FusedAttention> fused_attention, GraphUse graphs) {
  ASSIGN_OR_RETURN(std::byte* const memory,
                   device->Allocate(Workspace::kBytes));
  const Workspace workspace{.data = memory, .bytes = Workspace::kBytes};
  return std::make_unique<CudaBackend>(std::move(device), std::move(products),
                                       std::move(fused_attention), graphs,
                                       workspace);
}

}  // namespace penstock::cuda
