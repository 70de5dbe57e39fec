#ifndef KERNELS_CUDA_DEVICES_H_
#define KERNELS_CUDA_DEVICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace penstock {

// A CUDA device of this machine that a backend can use.
struct CudaDevice {
  int index = 0;  // MakeCudaBackend's `device`.
  std::string name;
  int capability = 0;        // major * 10 + minor, as in sm_90.
  int64_t memory_bytes = 0;  // All it has, whoever uses it.
  // Peaks by number of multiprocessors, their clock and what each does in a
  // cycle, of float32 on the ordinary units and of dense bfloat16 products on
  // tensor cores. Estimates: devices run below their peak clock under load.
  double flops_per_second = 0;
  double bfloat16_flops_per_second = 0;
};

// By ascending index; devices that are too old are left out. Takes no memory of
// any device and starts nothing on it.
//
// Errors:
//   Unavailable: built without CUDA, no driver, one too old, no device visible,
//     or all of them too old.
absl::StatusOr<std::vector<CudaDevice>> ListCudaDevices();

}  // namespace penstock

#endif  // KERNELS_CUDA_DEVICES_H_
