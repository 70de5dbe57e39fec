#ifndef COORDINATOR_PLANNER_FIT_SCHEDULE_H_
#define COORDINATOR_PLANNER_FIT_SCHEDULE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planner/schedule_of_job.h"
#include "proto/job_spec.h"
#include "proto/worker_report.h"

namespace penstock {

struct PartitionedSchedule {
  JobSchedule schedule;
  std::vector<int64_t> cuts;  // Of the model into slices; see Partition.
};

// The job's schedule and its fastest partition within the memory of `devices`,
// one for each rank. With Recompute::kByMemory the stages of those ranks
// recompute that do not fit otherwise: found rank by rank, the one that lacks
// most first, until all fit; then none is left that could do without.
//
// Requires no more slices than units.
//
// Errors: those of ScheduleOfJob;
//   FailedPrecondition: it does not fit; RefuseForMemory says more.
absl::StatusOr<PartitionedSchedule> FitSchedule(
    const JobSpec& spec, const std::vector<DeviceShape>& devices,
    const ScheduleOptions& options);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_FIT_SCHEDULE_H_
