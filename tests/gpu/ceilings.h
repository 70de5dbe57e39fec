#ifndef TESTS_GPU_CEILINGS_H_
#define TESTS_GPU_CEILINGS_H_

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "nlohmann/json.hpp"

namespace penstock::gpu {

// The most that a device reaches today.
struct Ceilings {
  double flops_per_second = 0;       // Of a bfloat16 product.
  double copy_bytes_per_second = 0;  // Within its memory, read and written.
};

// Multiplies two random matrices of 8192 squared, and copies 4 GiB; of several
// runs the median counts. Random values, because products of zeros take less
// power and run a tenth faster. `small`: sizes for a CPU.
//
// Errors: the backend's.
absl::StatusOr<Ceilings> MeasureCeilings(Backend& backend, bool small);

nlohmann::json ToJson(const Ceilings& ceilings);

}  // namespace penstock::gpu

#endif  // TESTS_GPU_CEILINGS_H_
