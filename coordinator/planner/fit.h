#ifndef COORDINATOR_PLANNER_FIT_H_
#define COORDINATOR_PLANNER_FIT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/job_spec.h"
#include "proto/plan.h"
#include "proto/worker_report.h"

namespace penstock {

// The fastest partition of the job's units, one stage per rank, in which each
// rank's forecast is within its device's memory; as cuts, see Partition.
// `buffers[rank]` has the one stage of each rank. Requires `devices` and
// `buffers` for each rank, and no more ranks than units.
//
// Errors:
//   FailedPrecondition: there is none. Says which rank would need how much, for
//     what, and the nearest change that would fit, found by trying: the largest
//     micro-batch and a wider pipeline of devices like the smallest here.
absl::StatusOr<std::vector<int64_t>> PartitionToFit(
    const JobSpec& spec, const std::vector<DeviceShape>& devices,
    const std::vector<std::vector<StageBuffers>>& buffers);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_FIT_H_
