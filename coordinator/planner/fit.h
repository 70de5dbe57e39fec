#ifndef COORDINATOR_PLANNER_FIT_H_
#define COORDINATOR_PLANNER_FIT_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/planner/memory_forecast.h"
#include "coordinator/planner/schedule_of_job.h"
#include "proto/job_spec.h"
#include "proto/plan.h"
#include "proto/worker_report.h"

namespace penstock {

// The fastest partition of the job's units into the slices of its schedule in
// which each rank's forecast is within its device's memory; as cuts, see
// Partition. Both copies of a bidirectional schedule get the same cuts.
//
// Exact when each rank owns one stage; else what Balance makes of the fastest
// slices and, should that not fit, of the smallest. Requires `devices` for each
// rank, and no more slices than units.
//
// Errors:
//   FailedPrecondition: none was found.
absl::StatusOr<std::vector<int64_t>> PartitionToFit(
    const JobSpec& spec, const std::vector<DeviceShape>& devices,
    const JobSchedule& schedule);

// As above, whatever the memory.
absl::StatusOr<std::vector<int64_t>> FastestPartition(
    const JobSpec& spec, const std::vector<DeviceShape>& devices,
    const JobSchedule& schedule);

// What to tell when nothing fits, FailedPrecondition: which rank would need how
// much, for what, and the nearest changes that would fit, found by trying: the
// largest micro-batch, recomputation, and a wider pipeline of devices like the
// smallest here.
absl::Status RefuseForMemory(const JobSpec& spec,
                             const std::vector<DeviceShape>& devices,
                             const JobSchedule& schedule);

// Of rank `rank` of a partition.
MemoryForecast ForecastRank(const ModelMemory& model,
                            const JobSchedule& schedule, int rank,
                            const std::vector<int64_t>& cuts);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_FIT_H_
