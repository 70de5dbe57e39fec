#include "kernels/cuda/list_devices.h"

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <utility>

#include "kernels/cuda/driver.h"
#include "kernels/cuda/errors.h"
#include "proto/base/status_macros.h"

namespace penstock::cuda {
namespace {

// What a multiprocessor does in a cycle: float32 and dense bfloat16
// multiply-adds.
struct Throughput {
  int capability_min;
  int float32;
  int bfloat16;
};

// CUDA C++ programming guide, "arithmetic instructions", for float32. Products
// are the whitepapers' peaks over multiprocessors and boost clock: A100 312e12
// = 2 * 108 * 1.41e9 * 1024, H100 989e12 = 2 * 132 * 1.83e9 * 2048, B200
// 2250e12 = 2 * 148 * 1.86e9 * 4096, L40S 362e12 = 2 * 142 * 2.49e9 * 512.
constexpr Throughput kThroughputs[] = {
    {.capability_min = 80, .float32 = 64, .bfloat16 = 1024},
    {.capability_min = 86, .float32 = 128, .bfloat16 = 512},
    {.capability_min = 90, .float32 = 128, .bfloat16 = 2048},
    {.capability_min = 100, .float32 = 128, .bfloat16 = 4096},
    {.capability_min = 110, .float32 = 128, .bfloat16 = 512},
};

// A later device counts as the last one that is known.
Throughput ThroughputOf(int capability) {
  Throughput found = kThroughputs[0];
  for (const Throughput& throughput : kThroughputs) {
    if (throughput.capability_min <= capability) found = throughput;
  }
  return found;
}

CudaDevice Describe(int index, int capability,
                    const DeviceProperties& properties) {
  const Throughput throughput = ThroughputOf(capability);
  const double cycles = properties.multiprocessors * 1e3 * properties.clock_khz;
  return {.index = index,
          .name = properties.name,
          .capability = capability,
          .memory_bytes = static_cast<int64_t>(properties.memory_bytes),
          .flops_per_second = 2 * throughput.float32 * cycles,
          .bfloat16_flops_per_second = 2 * throughput.bfloat16 * cycles};
}

}  // namespace

absl::StatusOr<std::vector<CudaDevice>> ListDevices(const Runtime& runtime) {
  ASSIGN_OR_RETURN(const int count, CountDevices(runtime));
  std::vector<CudaDevice> devices;
  absl::Status refusal = absl::UnavailableError(
      "this process sees no CUDA device; see "
      "CUDA_VISIBLE_DEVICES");
  for (int index = 0; index < count; ++index) {
    const absl::StatusOr<int> capability = CheckCapability(runtime, index);
    if (!capability.ok()) {
      refusal = capability.status();
      continue;
    }
    DeviceProperties properties;
    RETURN_IF_ERROR(FromCuda(runtime.get_properties(index, &properties),
                             fmt::format("describing CUDA device {}", index)));
    devices.push_back(Describe(index, *capability, properties));
  }
  if (devices.empty()) return refusal;
  return devices;
}

}  // namespace penstock::cuda
