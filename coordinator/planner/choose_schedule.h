#ifndef COORDINATOR_PLANNER_CHOOSE_SCHEDULE_H_
#define COORDINATOR_PLANNER_CHOOSE_SCHEDULE_H_

#include <functional>

#include "absl/status/statusor.h"
#include "proto/job_spec.h"
#include "proto/plan.h"

namespace penstock {

// The plan of a job whose schedule has a name.
using PlanNamed = std::function<absl::StatusOr<Plan>(const JobSpec& spec)>;

// Plans the job, whose schedule is `auto`, under every synchronous schedule of
// whole sequences that takes the rest of its parallelism as it is, with two to
// four stages per rank where both leave that open. Returns the plan
// with the shortest step; of those within a thousandth of it, the one whose
// neediest rank needs least. Says in `schedule_reason` what came second and
// what became of the others.
//
// Errors: 1F1B's, when none is possible.
absl::StatusOr<Plan> ChooseSchedule(const JobSpec& spec,
                                    const PlanNamed& plan_named);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_CHOOSE_SCHEDULE_H_
