#ifndef COORDINATOR_PLANNER_SCHEDULE_OF_JOB_H_
#define COORDINATOR_PLANNER_SCHEDULE_OF_JOB_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/schedule.h"
#include "proto/job_spec.h"
#include "proto/plan.h"

namespace penstock {

// A job's schedule, lowered and verified.
struct JobSchedule {
  Schedule schedule;
  std::vector<std::vector<StageBuffers>> buffers;  // Per rank; see Verify.

  // Slices of the model: stages of one copy.
  int slices() const { return schedule.stages_per_copy(); }
};

struct ScheduleOptions {
  // For generators that work by them.
  std::optional<ScheduleCosts> costs;
  // Schedules that a generator that searches tries; 0: its own number.
  int evaluations = 0;
  // Stages that make their forward passes again, for Recompute::kByMemory;
  // empty: none does.
  std::vector<bool> recomputed;
};

// Generates, lowers and verifies the schedule that the job names, for all that
// its parallelism says.
//
// Errors:
//   InvalidArgument: the schedule is not defined for this job: the job's field,
//     its value, the nearest legal ones; or no executor can run it.
absl::StatusOr<JobSchedule> ScheduleOfJob(const JobSpec& spec,
                                          const ScheduleOptions& options);

// Lowers and verifies a compute-only schedule for all else that the job's
// parallelism says.
//
// Errors:
//   InvalidArgument: it is none.
absl::StatusOr<JobSchedule> LowerForJob(const JobSpec& spec,
                                        const Schedule& compute);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SCHEDULE_OF_JOB_H_
