#include "tests/gpu/idle_backend.h"

#include <sys/mman.h>

#include <algorithm>
#include <map>

#include "fmt/format.h"

namespace penstock::gpu {
namespace {

class IdleBackend final : public Backend {
 public:
  ~IdleBackend() override {
    for (const auto& [memory, bytes] : sizes_) ::munmap(memory, bytes);
  }

  std::string_view name() const override { return "idle"; }
  bool host_memory() const override { return true; }

  absl::StatusOr<std::byte*> Allocate(int64_t bytes) override {
    void* const memory =
        ::mmap(nullptr, static_cast<size_t>(bytes), PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      return absl::ResourceExhaustedError(
          fmt::format("no room for {} bytes among the addresses", bytes));
    }
    sizes_[memory] = static_cast<size_t>(bytes);
    return static_cast<std::byte*>(memory);
  }
  void Free(std::byte* memory) override {
    const auto it = sizes_.find(memory);
    ::munmap(it->first, it->second);
    sizes_.erase(it);
  }

  absl::Status Replay(uint64_t /*key*/,
                      const std::function<absl::Status()>& queue) override {
    return queue();
  }
  absl::Status SumsOfSquares(std::span<const std::span<const float>> /*arrays*/,
                             std::span<double> sums) override {
    std::ranges::fill(sums, 0);
    return absl::OkStatus();
  }
  absl::Status CopyIn(std::span<const std::byte>, std::byte*) override {
    return absl::OkStatus();
  }
  absl::Status CopyOut(const std::byte*, std::span<std::byte>) override {
    return absl::OkStatus();
  }
  absl::Status Copy(const std::byte*, std::byte*, int64_t) override {
    return absl::OkStatus();
  }
  absl::Status Zero(std::byte*, int64_t) override { return absl::OkStatus(); }
  absl::Status Synchronize() override { return absl::OkStatus(); }
  absl::Status Matmul(const MatmulArgs&) override { return absl::OkStatus(); }
  absl::Status ColumnSums(ConstTensor, float*) override {
    return absl::OkStatus();
  }
  absl::Status Accumulate(const float*, int64_t, float*) override {
    return absl::OkStatus();
  }
  absl::Status Round(ConstTensor, Tensor) override { return absl::OkStatus(); }
  absl::Status LayerNorm(ConstTensor, const float*, const float*, float, Tensor,
                         float*, float*) override {
    return absl::OkStatus();
  }
  absl::Status LayerNormBackwardInput(ConstTensor, ConstTensor, const float*,
                                      const float*, const float*, ConstTensor,
                                      Tensor) override {
    return absl::OkStatus();
  }
  absl::Status LayerNormBackwardWeight(ConstTensor, ConstTensor, const float*,
                                       const float*, const float*, const float*,
                                       Tensor, float*, float*) override {
    return absl::OkStatus();
  }
  absl::Status RmsNorm(ConstTensor, const float*, float, Tensor,
                       float*) override {
    return absl::OkStatus();
  }
  absl::Status RmsNormBackwardInput(ConstTensor, ConstTensor, const float*,
                                    const float*, ConstTensor,
                                    Tensor) override {
    return absl::OkStatus();
  }
  absl::Status RmsNormBackwardWeight(ConstTensor, ConstTensor, const float*,
                                     const float*, Tensor, float*) override {
    return absl::OkStatus();
  }
  absl::Status Gelu(ConstTensor, Tensor) override { return absl::OkStatus(); }
  absl::Status GeluBackward(ConstTensor, ConstTensor, Tensor, Tensor,
                            float*) override {
    return absl::OkStatus();
  }
  absl::Status SwiGlu(ConstTensor, ConstTensor, Tensor) override {
    return absl::OkStatus();
  }
  absl::Status SwiGluBackward(ConstTensor, ConstTensor, ConstTensor, Tensor,
                              Tensor, Tensor) override {
    return absl::OkStatus();
  }
  absl::Status Rope(const RopeShape&, Tensor) override {
    return absl::OkStatus();
  }
  absl::Status RopeBackward(const RopeShape&, Tensor) override {
    return absl::OkStatus();
  }
  absl::Status Attention(const AttentionShape&, ConstTensor, ConstTensor,
                         ConstTensor, Tensor, float*, std::byte*) override {
    return absl::OkStatus();
  }
  absl::Status AttentionBackward(const AttentionShape&, ConstTensor,
                                 ConstTensor, ConstTensor, ConstTensor,
                                 ConstTensor, const float*, Tensor, Tensor,
                                 Tensor, std::byte*) override {
    return absl::OkStatus();
  }
  absl::Status Embedding(const int32_t*, int64_t, ConstTensor, ConstTensor,
                         Tensor) override {
    return absl::OkStatus();
  }
  absl::Status EmbeddingBackward(const int32_t*, int64_t, ConstTensor, Tensor,
                                 Tensor) override {
    return absl::OkStatus();
  }
  absl::Status CrossEntropy(Tensor, const int32_t*, float, float*) override {
    return absl::OkStatus();
  }
  absl::Status AdamW(const AdamWArgs&) override { return absl::OkStatus(); }

 private:
  std::map<void*, size_t> sizes_;
};

}  // namespace

std::unique_ptr<Backend> MakeIdleBackend() {
  return std::make_unique<IdleBackend>();
}

}  // namespace penstock::gpu
