#ifndef WORKER_DEVICE_SHAPE_H_
#define WORKER_DEVICE_SHAPE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "proto/worker_report.h"

namespace penstock {

// What `count` CPU devices of this machine can do, one thread each. Measures
// the speed of a matrix product, which takes some tens of milliseconds. Each
// gets `memory_bytes`, or an equal share of what is available now when that is
// 0.
std::vector<DeviceShape> MeasureCpuDevices(int count, int64_t memory_bytes);

// Sets the version of NCCL that the CUDA devices among them have. What is wrong
// with NCCL when they have none; OK without such a device.
absl::Status FindNccl(std::vector<DeviceShape>& devices);

}  // namespace penstock

#endif  // WORKER_DEVICE_SHAPE_H_
