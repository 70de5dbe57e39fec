#include "tests/gpu/ceilings.h"

#include <algorithm>
#include <functional>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "proto/base/clock.h"
#include "proto/base/random.h"
#include "proto/base/status_macros.h"

namespace penstock::gpu {
namespace {

// Goes with its backend's memory.
class Memory {
 public:
  static absl::StatusOr<Memory> Allocate(Backend& backend, int64_t bytes) {
    ASSIGN_OR_RETURN(std::byte* const data, backend.Allocate(bytes));
    return Memory(backend, data);
  }
  Memory(Memory&& other) noexcept
      : backend_(other.backend_), data_(std::exchange(other.data_, nullptr)) {}
  Memory& operator=(Memory&&) = delete;
  ~Memory() {
    if (data_ != nullptr) backend_.Free(data_);
  }

  std::byte* data() const { return data_; }

 private:
  Memory(Backend& backend, std::byte* data) : backend_(backend), data_(data) {}

  Backend& backend_;
  std::byte* data_;
};

// Bfloat16s between 2^-8 and 1, of both signs.
std::vector<uint16_t> RandomValues(int64_t count) {
  Random random(1);
  std::vector<uint16_t> values(static_cast<size_t>(count));
  for (uint16_t& value : values) {
    const uint64_t bits = random.Next();
    const uint64_t exponent = 119 + (bits >> 16) % 8;
    value =
        static_cast<uint16_t>((bits & 0x8000) | exponent << 7 | (bits & 0x7f));
  }
  return values;
}

absl::StatusOr<double> MedianSeconds(
    Backend& backend, const std::function<absl::Status()>& call) {
  constexpr int kRuns = 7;
  constexpr int kCalls = 4;
  std::vector<double> seconds;
  RETURN_IF_ERROR(call());
  for (int run = 0; run < kRuns; ++run) {
    RETURN_IF_ERROR(backend.Synchronize());
    const absl::Time begin = SteadyNow();
    for (int i = 0; i < kCalls; ++i) RETURN_IF_ERROR(call());
    RETURN_IF_ERROR(backend.Synchronize());
    seconds.push_back(absl::ToDoubleSeconds(SteadyNow() - begin) / kCalls);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[kRuns / 2];
}

}  // namespace

absl::StatusOr<Ceilings> MeasureCeilings(Backend& backend, bool small) {
  const int64_t size = small ? 256 : 8192;
  const int64_t bytes = int64_t{1} << (small ? 24 : 32);
  const int64_t matrix_bytes = size * size * 2;
  std::vector<Memory> matrices;
  const std::vector<uint16_t> values = RandomValues(size * size);
  for (int i = 0; i < 3; ++i) {
    ASSIGN_OR_RETURN(Memory matrix, Memory::Allocate(backend, matrix_bytes));
    RETURN_IF_ERROR(
        backend.CopyIn(std::as_bytes(std::span(values)), matrix.data()));
    matrices.push_back(std::move(matrix));
  }
  const auto tensor = [&](int i) {
    return Tensor{matrices[i].data(), size, size, size, DataType::kBFloat16};
  };
  ASSIGN_OR_RETURN(const double product, MedianSeconds(backend, [&] {
                     return backend.Matmul({.a = tensor(0),
                                            .b = tensor(1),
                                            .c = tensor(2),
                                            .transpose_b = true});
                   }));
  ASSIGN_OR_RETURN(const Memory from, Memory::Allocate(backend, bytes));
  ASSIGN_OR_RETURN(const Memory to, Memory::Allocate(backend, bytes));
  RETURN_IF_ERROR(backend.Zero(from.data(), bytes));
  ASSIGN_OR_RETURN(const double copy, MedianSeconds(backend, [&] {
                     return backend.Copy(from.data(), to.data(), bytes);
                   }));
  const double n = static_cast<double>(size);
  return Ceilings{
      .flops_per_second = 2 * n * n * n / product,
      .copy_bytes_per_second = 2 * static_cast<double>(bytes) / copy};
}

nlohmann::json ToJson(const Ceilings& ceilings) {
  return {{"flops_per_second", ceilings.flops_per_second},
          {"copy_bytes_per_second", ceilings.copy_bytes_per_second}};
}

}  // namespace penstock::gpu
