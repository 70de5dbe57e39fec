#include "worker/executor/watched_backend.h"

#include <utility>

namespace penstock {
namespace {

class WatchedBackend final : public Backend {
 public:
  WatchedBackend(std::unique_ptr<Backend> backend,
                 std::shared_ptr<DeviceCallLine> line)
      : backend_(std::move(backend)), line_(std::move(line)) {}

  ~WatchedBackend() override {
    const DeviceCall call(*line_, "closing");
    backend_.reset();
  }

  std::string_view name() const override { return backend_->name(); }
  bool host_memory() const override { return backend_->host_memory(); }

  absl::StatusOr<std::byte*> Allocate(int64_t bytes) override {
    return Call("allocate", &Backend::Allocate, bytes);
  }
  void Free(std::byte* memory) override {
    Call("free", &Backend::Free, memory);
  }

  absl::Status CopyIn(std::span<const std::byte> host,
                      std::byte* device) override {
    return Call("copy_in", &Backend::CopyIn, host, device);
  }
  absl::Status CopyOut(const std::byte* device,
                       std::span<std::byte> host) override {
    return Call("copy_out", &Backend::CopyOut, device, host);
  }
  absl::Status Copy(const std::byte* from, std::byte* to,
                    int64_t bytes) override {
    return Call("copy", &Backend::Copy, from, to, bytes);
  }
  absl::Status Zero(std::byte* memory, int64_t bytes) override {
    return Call("zero", &Backend::Zero, memory, bytes);
  }
  absl::Status Synchronize() override {
    return Call("synchronize", &Backend::Synchronize);
  }
  // What `queue` calls is noted as well, for it calls this backend.
  absl::Status Replay(uint64_t key,
                      const std::function<absl::Status()>& queue) override {
    return Call("replay", &Backend::Replay, key, queue);
  }

  absl::Status Matmul(const MatmulArgs& args) override {
    return Call("matmul", &Backend::Matmul, args);
  }
  absl::Status ColumnSums(ConstTensor x, float* sums) override {
    return Call("column_sums", &Backend::ColumnSums, x, sums);
  }
  absl::Status Accumulate(const float* x, int64_t count, float* out) override {
    return Call("accumulate", &Backend::Accumulate, x, count, out);
  }
  absl::Status Round(ConstTensor x, Tensor out) override {
    return Call("round", &Backend::Round, x, out);
  }

  absl::Status LayerNorm(ConstTensor x, const float* gain, const float* bias,
                         float epsilon, Tensor out, float* mean,
                         float* rstd) override {
    return Call("layer_norm", &Backend::LayerNorm, x, gain, bias, epsilon, out,
                mean, rstd);
  }
  absl::Status LayerNormBackwardInput(ConstTensor dout, ConstTensor x,
                                      const float* mean, const float* rstd,
                                      const float* gain, ConstTensor addend,
                                      Tensor dx) override {
    return Call("layer_norm_backward_input", &Backend::LayerNormBackwardInput,
                dout, x, mean, rstd, gain, addend, dx);
  }
  absl::Status LayerNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                       const float* mean, const float* rstd,
                                       const float* gain, const float* bias,
                                       Tensor out, float* dgain,
                                       float* dbias) override {
    return Call("layer_norm_backward_weight", &Backend::LayerNormBackwardWeight,
                dout, x, mean, rstd, gain, bias, out, dgain, dbias);
  }

  absl::Status RmsNorm(ConstTensor x, const float* gain, float epsilon,
                       Tensor out, float* rstd) override {
    return Call("rms_norm", &Backend::RmsNorm, x, gain, epsilon, out, rstd);
  }
  absl::Status RmsNormBackwardInput(ConstTensor dout, ConstTensor x,
                                    const float* rstd, const float* gain,
                                    ConstTensor addend, Tensor dx) override {
    return Call("rms_norm_backward_input", &Backend::RmsNormBackwardInput, dout,
                x, rstd, gain, addend, dx);
  }
  absl::Status RmsNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                     const float* rstd, const float* gain,
                                     Tensor out, float* dgain) override {
    return Call("rms_norm_backward_weight", &Backend::RmsNormBackwardWeight,
                dout, x, rstd, gain, out, dgain);
  }

  absl::Status Gelu(ConstTensor x, Tensor out) override {
    return Call("gelu", &Backend::Gelu, x, out);
  }
  absl::Status GeluBackward(ConstTensor dout, ConstTensor x, Tensor dx,
                            Tensor out, float* sums) override {
    return Call("gelu_backward", &Backend::GeluBackward, dout, x, dx, out,
                sums);
  }
  absl::Status SwiGlu(ConstTensor gate, ConstTensor up, Tensor out) override {
    return Call("swiglu", &Backend::SwiGlu, gate, up, out);
  }
  absl::Status SwiGluBackward(ConstTensor dout, ConstTensor gate,
                              ConstTensor up, Tensor dgate, Tensor dup,
                              Tensor out) override {
    return Call("swiglu_backward", &Backend::SwiGluBackward, dout, gate, up,
                dgate, dup, out);
  }

  absl::Status Rope(const RopeShape& shape, Tensor x) override {
    return Call("rope", &Backend::Rope, shape, x);
  }
  absl::Status RopeBackward(const RopeShape& shape, Tensor dx) override {
    return Call("rope_backward", &Backend::RopeBackward, shape, dx);
  }

  absl::Status Attention(const AttentionShape& shape, ConstTensor q,
                         ConstTensor k, ConstTensor v, Tensor out, float* lse,
                         std::byte* scratch) override {
    return Call("attention", &Backend::Attention, shape, q, k, v, out, lse,
                scratch);
  }
  absl::Status AttentionBackward(const AttentionShape& shape, ConstTensor q,
                                 ConstTensor k, ConstTensor v, ConstTensor out,
                                 ConstTensor dout, const float* lse, Tensor dq,
                                 Tensor dk, Tensor dv,
                                 std::byte* scratch) override {
    return Call("attention_backward", &Backend::AttentionBackward, shape, q, k,
                v, out, dout, lse, dq, dk, dv, scratch);
  }

  absl::Status Embedding(const int32_t* tokens, int64_t sequence,
                         ConstTensor token_table, ConstTensor position_table,
                         Tensor out) override {
    return Call("embedding", &Backend::Embedding, tokens, sequence, token_table,
                position_table, out);
  }
  absl::Status EmbeddingBackward(const int32_t* tokens, int64_t sequence,
                                 ConstTensor dout, Tensor d_token_table,
                                 Tensor d_position_table) override {
    return Call("embedding_backward", &Backend::EmbeddingBackward, tokens,
                sequence, dout, d_token_table, d_position_table);
  }
  absl::Status CrossEntropy(Tensor logits, const int32_t* labels, float scale,
                            float* losses) override {
    return Call("cross_entropy", &Backend::CrossEntropy, logits, labels, scale,
                losses);
  }

  absl::Status SumsOfSquares(std::span<const std::span<const float>> arrays,
                             std::span<double> sums) override {
    return Call("sums_of_squares", &Backend::SumsOfSquares, arrays, sums);
  }
  absl::Status AdamW(const AdamWArgs& args) override {
    return Call("adamw", &Backend::AdamW, args);
  }

 private:
  template <typename Result, typename... Parameters, typename... Arguments>
  Result Call(const char* operation, Result (Backend::*method)(Parameters...),
              const Arguments&... arguments) {
    const DeviceCall call(*line_, operation);
    return (backend_.get()->*method)(arguments...);
  }

  std::unique_ptr<Backend> backend_;
  const std::shared_ptr<DeviceCallLine> line_;
};

}  // namespace

std::unique_ptr<Backend> WatchBackend(std::unique_ptr<Backend> backend,
                                      std::shared_ptr<DeviceCallLine> line) {
  return std::make_unique<WatchedBackend>(std::move(backend), std::move(line));
}

}  // namespace penstock
