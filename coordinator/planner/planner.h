#ifndef COORDINATOR_PLANNER_PLANNER_H_
#define COORDINATOR_PLANNER_PLANNER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planner/cost_model.h"
#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/simulate.h"
#include "proto/job_spec.h"
#include "proto/plan.h"
#include "proto/worker_report.h"

namespace penstock {

// Makes the plan of `spec` for `devices`, index replica * ranks + rank, as many
// as the job has ranks in all. Replicas are equal, so rank r is planned for the
// least memory and the lowest speed among its devices.
//
// Generates the schedule, lowers and verifies it, partitions the model's units
// under each rank's memory, forecasts and simulates; for `auto` under all
// schedules, of which it takes the fastest. Pure. `start` and
// `checkpoint_directory` are left to the caller.
//
// Requires a valid `spec` whose architecture is known.
//
// Errors:
//   InvalidArgument: more stages than the model has units, or the schedule is
//     not defined for the job: field, value, the nearest legal ones; `devices`
//     are not as many as the job needs, or one of them has no speed.
//   FailedPrecondition: it does not fit the memory: which rank needs what, and
//     the largest micro-batch, recomputation or a wider pipeline that would
//     fit; or the job asks for the nccl link, see ChooseLinks.
absl::StatusOr<Plan> MakePlan(const JobSpec& spec,
                              const std::vector<DeviceShape>& devices,
                              const LinkShape& link = {});

// The programs of all ranks.
Schedule ScheduleOf(const Plan& plan);

// What the plan forecasts for each action, in seconds.
ScheduleCosts PlanCosts(const Plan& plan, const LinkShape& link = {});

// What the plan forecasts, action by action: times in seconds, indices as in
// the plan's programs. For the planned tracks of a trace.
//
// Errors:
//   InvalidArgument: the plan's programs do not terminate; not for a plan that
//     MakePlan made.
absl::StatusOr<Simulation> SimulatePlan(const Plan& plan,
                                        const LinkShape& link = {});

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_PLANNER_H_
