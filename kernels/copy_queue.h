#ifndef KERNELS_COPY_QUEUE_H_
#define KERNELS_COPY_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace penstock {

// Copies between the memory of a device and page-locked memory of the host, in
// a queue of their own: they go on beside what backends of the same device
// compute, and are ordered with it by the callers' waits alone.
//
// A copy may return before it is done; Synchronize waits for all and reports
// the first error since the last call.
//
// Thread-compatible; another thread than the backends' may call.
class CopyQueue {
 public:
  virtual ~CopyQueue() = default;

  // Host memory that the device reads and writes by itself, aligned to 256
  // bytes, uninitialized. Takes milliseconds: for memory that is kept. Freed by
  // `FreeHost` only, when no copy of it is under way.
  //
  // Errors: ResourceExhausted: the host has not enough memory to lock.
  virtual absl::StatusOr<std::byte*> AllocateHost(int64_t bytes) = 0;
  virtual void FreeHost(std::byte* memory) = 0;

  virtual absl::Status CopyIn(std::span<const std::byte> host,
                              std::byte* device) = 0;
  virtual absl::Status CopyOut(const std::byte* device,
                               std::span<std::byte> host) = 0;

  // Errors: Unavailable: the device is lost;
  //   DeadlineExceeded: it has not finished within the queue's wait_max, and
  //     counts as lost.
  virtual absl::Status Synchronize() = 0;
};

// No Synchronize of it waits longer than `wait_max`. Errors: those of
// MakeCudaBackend (kernels/backend.h).
absl::StatusOr<std::unique_ptr<CopyQueue>> MakeCudaCopyQueue(
    int device, absl::Duration wait_max);

}  // namespace penstock

#endif  // KERNELS_COPY_QUEUE_H_
