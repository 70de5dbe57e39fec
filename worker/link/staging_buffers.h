#ifndef WORKER_LINK_STAGING_BUFFERS_H_
#define WORKER_LINK_STAGING_BUFFERS_H_

#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/copy_queue.h"
#include "proto/base/mutex.h"

namespace penstock {

// Page-locked buffers of a StagedLink. Each is lent to one message at a time
// and kept for the next of its size, so that only the first step allocates;
// there are as many as messages were ever under way at once.
//
// Thread-safe.
class StagingBuffers {
 public:
  // `queue` must outlive this, and is used under a lock of this alone.
  explicit StagingBuffers(CopyQueue& queue) : queue_(queue) {}
  ~StagingBuffers();
  StagingBuffers(const StagingBuffers&) = delete;
  StagingBuffers& operator=(const StagingBuffers&) = delete;

  // Errors: those of CopyQueue::AllocateHost.
  absl::StatusOr<std::span<std::byte>> Lend(size_t bytes);

  // Takes back what Lend gave.
  void Return(std::span<std::byte> buffer);

 private:
  CopyQueue& queue_;
  Mutex mutex_;
  std::multimap<size_t, std::byte*> free_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::byte*> all_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock

#endif  // WORKER_LINK_STAGING_BUFFERS_H_
