#ifndef TESTS_GPU_COUNTING_BACKEND_H_
#define TESTS_GPU_COUNTING_BACKEND_H_

#include <compare>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "kernels/backend.h"
#include "tests/gpu/roofline.h"

namespace penstock::gpu {

// All calls that are alike.
struct Call {
  // Of products "c_fc forward 32768x3072x768" (c's rows and columns, and the
  // length of the sums); of all else the method's name.
  std::string operation;
  Work work;

  friend auto operator<=>(const Call&, const Call&) = default;
};

struct CallCount {
  int64_t calls = 0;
  double seconds = 0;  // Of all of them together; 0 where they are not timed.
};

// Another backend that notes what is asked of it, and how long each call takes.
// Replay always queues, so that every step's operations are seen.
//
// Thread-compatible.
class CountingBackend final : public Backend {
 public:
  enum class Mode {
    kPass,   // Calls go on to the other backend, and that is all.
    kCount,  // They are noted.
    kTime,   // And timed: the device is waited for after each of them.
  };

  // What products with a weight are called by; see Call.
  struct Weight {
    std::string name;
    // [out, in], as PyTorch's Linear has it: multiplied as its transpose in the
    // forward pass; else it is [in, out].
    bool out_first = false;
  };

  // `backend` must outlive this.
  explicit CountingBackend(Backend& backend) : backend_(backend) {}

  // Products that read `data` or add to it are of this weight: the weight, the
  // copy that layers read of it, or its gradient. Others are called "product".
  void Name(const void* data, const Weight& weight) { names_[data] = weight; }

  // Waits for what was queued before, and forgets what was noted.
  absl::Status Begin(Mode mode);

  const std::map<Call, CallCount>& calls() const { return calls_; }

  std::string_view name() const override { return backend_.name(); }
  bool host_memory() const override { return backend_.host_memory(); }
  absl::StatusOr<std::byte*> Allocate(int64_t bytes) override {
    return backend_.Allocate(bytes);
  }
  void Free(std::byte* memory) override { backend_.Free(memory); }
  absl::Status CopyIn(std::span<const std::byte> host,
                      std::byte* device) override;
  absl::Status CopyOut(const std::byte* device,
                       std::span<std::byte> host) override;
  absl::Status Copy(const std::byte* from, std::byte* to,
                    int64_t bytes) override;
  absl::Status Zero(std::byte* memory, int64_t bytes) override;
  absl::Status Synchronize() override;
  absl::Status Replay(uint64_t key,
                      const std::function<absl::Status()>& queue) override;
  absl::Status Matmul(const MatmulArgs& args) override;
  absl::Status ColumnSums(ConstTensor x, float* sums) override;
  absl::Status Accumulate(const float* x, int64_t count, float* out) override;
  absl::Status Round(ConstTensor x, Tensor out) override;
  absl::Status LayerNorm(ConstTensor x, const float* gain, const float* bias,
                         float epsilon, Tensor out, float* mean,
                         float* rstd) override;
  absl::Status LayerNormBackwardInput(ConstTensor dout, ConstTensor x,
                                      const float* mean, const float* rstd,
                                      const float* gain, ConstTensor addend,
                                      Tensor dx) override;
  absl::Status LayerNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                       const float* mean, const float* rstd,
                                       const float* gain, const float* bias,
                                       Tensor out, float* dgain,
                                       float* dbias) override;
  absl::Status RmsNorm(ConstTensor x, const float* gain, float epsilon,
                       Tensor out, float* rstd) override;
  absl::Status RmsNormBackwardInput(ConstTensor dout, ConstTensor x,
                                    const float* rstd, const float* gain,
                                    ConstTensor addend, Tensor dx) override;
  absl::Status RmsNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                     const float* rstd, const float* gain,
                                     Tensor out, float* dgain) override;
  absl::Status Gelu(ConstTensor x, Tensor out) override;
  absl::Status GeluBackward(ConstTensor dout, ConstTensor x, Tensor dx,
                            Tensor out, float* sums) override;
  absl::Status SwiGlu(ConstTensor gate, ConstTensor up, Tensor out) override;
  absl::Status SwiGluBackward(ConstTensor dout, ConstTensor gate,
                              ConstTensor up, Tensor dgate, Tensor dup,
                              Tensor out) override;
  absl::Status Rope(const RopeShape& shape, Tensor x) override;
  absl::Status RopeBackward(const RopeShape& shape, Tensor dx) override;
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
                         Tensor out) override;
  absl::Status EmbeddingBackward(const int32_t* tokens, int64_t sequence,
                                 ConstTensor dout, Tensor d_token_table,
                                 Tensor d_position_table) override;
  absl::Status CrossEntropy(Tensor logits, const int32_t* labels, float scale,
                            float* losses) override;
  absl::Status SumsOfSquares(std::span<const std::span<const float>> arrays,
                             std::span<double> sums) override;
  absl::Status AdamW(const AdamWArgs& args) override;

 private:
  // Makes a call and notes it.
  template <typename Queue>
  absl::Status Run(const Call& call, const Queue& queue);
  // Likewise, where all of it is moving so many bytes.
  template <typename Queue>
  absl::Status Move(const char* operation, int64_t bytes, const Queue& queue);

  std::string NameOf(const MatmulArgs& args) const;

  Backend& backend_;
  Mode mode_ = Mode::kPass;
  std::map<const void*, Weight> names_;
  std::map<Call, CallCount> calls_;
};

}  // namespace penstock::gpu

#endif  // TESTS_GPU_COUNTING_BACKEND_H_
