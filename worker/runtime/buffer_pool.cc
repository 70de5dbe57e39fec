#include "worker/runtime/buffer_pool.h"

#include "fmt/format.h"

namespace penstock {

BufferPool::BufferPool(std::byte* memory, int count, int64_t bytes)
    : memory_(memory), bytes_(bytes), loans_(count) {}

absl::StatusOr<std::byte*> BufferPool::Acquire(int microbatch) {
  if (Find(microbatch) != nullptr) {
    return absl::InternalError(
        fmt::format("micro-batch {} has a buffer already", microbatch));
  }
  for (size_t i = 0; i < loans_.size(); ++i) {
    if (loans_[i].microbatch >= 0) continue;
    loans_[i] = {microbatch, loans_made_++};
    return memory_ + static_cast<int64_t>(i) * bytes_;
  }
  return absl::InternalError(fmt::format(
      "no buffer for micro-batch {}: all {} that were planned are in use",
      microbatch, loans_.size()));
}

std::byte* BufferPool::Find(int microbatch) const {
  for (size_t i = 0; i < loans_.size(); ++i) {
    if (loans_[i].microbatch == microbatch) {
      return memory_ + static_cast<int64_t>(i) * bytes_;
    }
  }
  return nullptr;
}

bool BufferPool::HasFree() const {
  for (const Loan& loan : loans_) {
    if (loan.microbatch < 0) return true;
  }
  return false;
}

int BufferPool::Oldest() const {
  const Loan* oldest = nullptr;
  for (const Loan& loan : loans_) {
    if (loan.microbatch < 0) continue;
    if (oldest == nullptr || loan.order < oldest->order) oldest = &loan;
  }
  return oldest == nullptr ? -1 : oldest->microbatch;
}

void BufferPool::Release(int microbatch) {
  for (Loan& loan : loans_) {
    if (loan.microbatch == microbatch) loan.microbatch = -1;
  }
}

}  // namespace penstock
