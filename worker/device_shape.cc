#include "worker/device_shape.h"

#include <algorithm>
#include <memory>

#include "absl/time/time.h"
#include "kernels/backend.h"
#include "proto/base/available_memory.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "worker/link/nccl_load.h"

namespace penstock {
namespace {

// The fastest of some products of a size between cache and memory: the machine
// may be busy, and what it can do is the question.
double MatmulFlopsPerSecond() {
  constexpr int64_t kSize = 512;
  constexpr int kRuns = 24;
  const std::unique_ptr<Backend> backend = MakeCpuBackend();
  std::vector<float> a(kSize * kSize, 1.0f);
  std::vector<float> b(kSize * kSize, 1.0f);
  std::vector<float> c(kSize * kSize);
  absl::Duration best = absl::InfiniteDuration();
  for (int run = 0; run < kRuns; ++run) {
    const absl::Time begin = SteadyNow();
    const absl::Status status =
        backend->Matmul({.a = Float32(a.data(), kSize, kSize),
                         .b = Float32(b.data(), kSize, kSize),
                         .c = Float32(c.data(), kSize, kSize)});
    if (!status.ok() || !backend->Synchronize().ok()) return 0;
    best = std::min(best, SteadyNow() - begin);
  }
  return 2.0 * kSize * kSize * kSize / absl::ToDoubleSeconds(best);
}

}  // namespace

std::vector<DeviceShape> MeasureCpuDevices(int count, int64_t memory_bytes) {
  const DeviceShape shape{.kind = "cpu",
                          .memory_bytes = memory_bytes > 0
                                              ? memory_bytes
                                              : AvailableMemoryBytes() / count,
                          .flops_per_second = MatmulFlopsPerSecond()};
  return std::vector<DeviceShape>(static_cast<size_t>(count), shape);
}

absl::Status FindNccl(std::vector<DeviceShape>& devices) {
  const auto is_cuda = [](const DeviceShape& device) {
    return device.kind == "cuda";
  };
  if (std::none_of(devices.begin(), devices.end(), is_cuda)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<NcclLibrary> nccl, LoadNccl());
  for (DeviceShape& device : devices) {
    if (is_cuda(device)) device.nccl_version = nccl->version();
  }
  return absl::OkStatus();
}

}  // namespace penstock
