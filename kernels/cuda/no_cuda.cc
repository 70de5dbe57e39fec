// Stands for cuda_backend.cc in a build without the CUDA toolkit.

#include "kernels/backend.h"

namespace penstock {

absl::StatusOr<std::unique_ptr<Backend>> MakeCudaBackend(
    int /*device*/, AttentionForm /*form*/) {
  return absl::UnavailableError("built without CUDA (--config=cuda)");
}

}  // namespace penstock
