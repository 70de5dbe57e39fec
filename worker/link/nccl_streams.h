#ifndef WORKER_LINK_NCCL_STREAMS_H_
#define WORKER_LINK_NCCL_STREAMS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock {

using CudaStream = struct CudaStreamHandle*;
using CudaEvent = struct CudaEventHandle*;

// The calls of the CUDA runtime that the nccl link makes, of one device, with
// types of our own; so a fake needs no CUDA.
//
// Thread-safe. Errors of every method:
//   Unavailable: there is no driver or no such device, or it has failed.
//   ResourceExhausted: it has no memory left.
//   Internal: whatever else CUDA reports.
// Messages name CUDA's function and repeat what it says.
class CudaStreams {
 public:
  virtual ~CudaStreams() = default;

  // Makes the device the calling thread's. Each thread that uses the others, or
  // NCCL, calls it first.
  virtual absl::Status UseDevice() = 0;

  // Of the highest priority, so that transfers do not queue behind kernels.
  virtual absl::StatusOr<CudaStream> CreateStream() = 0;
  virtual void DestroyStream(CudaStream stream) = 0;

  // An event that is done when all that is in the stream by now is.
  virtual absl::StatusOr<CudaEvent> Record(CudaStream stream) = 0;
  // Errors: also those of the work before the event.
  virtual absl::StatusOr<bool> IsDone(CudaEvent event) = 0;
  virtual void DestroyEvent(CudaEvent event) = 0;

  // Device memory.
  virtual absl::StatusOr<std::byte*> Allocate(int64_t bytes) = 0;
  virtual void Free(std::byte* memory) = 0;
};

}  // namespace penstock

#endif  // WORKER_LINK_NCCL_STREAMS_H_
