// Stands for nccl_load_cuda.cc in a build without the CUDA toolkit.

#include "worker/link/nccl_load.h"

namespace penstock {

absl::StatusOr<std::unique_ptr<NcclLibrary>> LoadNccl(
    const std::string& /*path*/) {
  return absl::UnavailableError("no NCCL: built without CUDA (--config=cuda)");
}

absl::StatusOr<std::unique_ptr<CudaStreams>> OpenCudaStreams(int /*device*/) {
  return absl::UnavailableError("built without CUDA (--config=cuda)");
}

}  // namespace penstock
