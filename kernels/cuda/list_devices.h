#ifndef KERNELS_CUDA_LIST_DEVICES_H_
#define KERNELS_CUDA_LIST_DEVICES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "kernels/cuda/runtime.h"
#include "kernels/cuda_devices.h"

namespace penstock::cuda {

// ListCudaDevices of a runtime.
absl::StatusOr<std::vector<CudaDevice>> ListDevices(const Runtime& runtime);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_LIST_DEVICES_H_
