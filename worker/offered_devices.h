#ifndef WORKER_OFFERED_DEVICES_H_
#define WORKER_OFFERED_DEVICES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/cuda_devices.h"
#include "proto/worker_report.h"

namespace penstock {

// A device as the coordinator sees it, and what its executor's process has in
// its environment besides the worker's: "NAME=value" each.
struct OfferedDevice {
  DeviceShape shape;
  std::vector<std::string> environment;
};

// What a worker is told to offer.
struct DeviceChoices {
  // CPU devices; unset: one, unless there are CUDA devices.
  std::optional<int> cpus;
  // "auto": every CUDA device that there is; "none"; or their indices, as
  // "0,1,1": one that is listed twice serves two executors, which share its
  // memory.
  std::string cuda = "auto";
  // Executors, those of other workers too, that use each CUDA device.
  int cuda_sharers = 1;
  // Per device; 0: what the machine or the CUDA device has, shared.
  int64_t memory_bytes = 0;
  // Of the worker, unique in the cluster.
  std::string name;
};

// Measures the CPU, which takes some milliseconds, and asks for CUDA devices.
//
// Errors:
//   InvalidArgument: `cuda` is none of the above, or names no device.
//   Unavailable: it asks for devices, and there is no CUDA.
absl::StatusOr<std::vector<OfferedDevice>> OfferDevices(
    const DeviceChoices& choices);

// The indices that `text` asks for, of `devices`.
//
// Errors: InvalidArgument: it is no such list, or names what is not there.
absl::StatusOr<std::vector<int>> CudaIndices(
    std::string_view text, const std::vector<CudaDevice>& devices);

// For the executor `name` of CUDA device `index` of those that the worker sees
// by its own CUDA_VISIBLE_DEVICES, `visible`, or null. Processes that share a
// device get what NCCL needs for that: it takes them for different machines,
// which is slow, and for tests.
std::vector<std::string> CudaEnvironment(int index, const char* visible,
                                         bool shared, std::string_view name);

}  // namespace penstock

#endif  // WORKER_OFFERED_DEVICES_H_
