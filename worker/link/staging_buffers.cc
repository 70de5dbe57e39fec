#include "worker/link/staging_buffers.h"

#include "proto/base/status_macros.h"

namespace penstock {

StagingBuffers::~StagingBuffers() {
  for (std::byte* const memory : all_) queue_.FreeHost(memory);
}

absl::StatusOr<std::span<std::byte>> StagingBuffers::Lend(size_t bytes) {
  MutexLock lock(mutex_);
  if (const auto found = free_.find(bytes); found != free_.end()) {
    std::byte* const memory = found->second;
    free_.erase(found);
    return std::span(memory, bytes);
  }
  ASSIGN_OR_RETURN(std::byte* const memory,
                   queue_.AllocateHost(static_cast<int64_t>(bytes)));
  all_.push_back(memory);
  return std::span(memory, bytes);
}

void StagingBuffers::Return(std::span<std::byte> buffer) {
  MutexLock lock(mutex_);
  free_.emplace(buffer.size(), buffer.data());
}

}  // namespace penstock
