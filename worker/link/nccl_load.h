#ifndef WORKER_LINK_NCCL_LOAD_H_
#define WORKER_LINK_NCCL_LOAD_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "worker/link/nccl_library.h"
#include "worker/link/nccl_streams.h"

namespace penstock {

// NCCL of this machine. Needs neither driver nor device.
//
// Errors:
//   Unavailable: this build is without CUDA, or there is no such library.
//   FailedPrecondition: it is of another version, or has not what links use.
absl::StatusOr<std::unique_ptr<NcclLibrary>> LoadNccl(
    const std::string& path = "libnccl.so.2");

// The CUDA runtime on device `device` of this process. Asks CUDA for as many
// hardware queues as it has, unless the environment says otherwise: a transfer
// that waits must not stand before one that it waits for. So it is called
// before anything else of CUDA, and before other threads.
//
// Errors:
//   Unavailable: this build is without CUDA; or there is no driver, one that is
//     too old, or no such device.
absl::StatusOr<std::unique_ptr<CudaStreams>> OpenCudaStreams(int device);

}  // namespace penstock

#endif  // WORKER_LINK_NCCL_LOAD_H_
