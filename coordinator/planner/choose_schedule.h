#ifndef COORDINATOR_PLANNER_CHOOSE_SCHEDULE_H_
#define COORDINATOR_PLANNER_CHOOSE_SCHEDULE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/planner/search_plan.h"
#include "proto/job_spec.h"
#include "proto/plan.h"

namespace penstock {

// What the choice knows about the job.
struct ScheduleChoice {
  // The plan of a job whose schedule has a name. A generator that searches
  // tries `evaluations` schedules.
  std::function<absl::StatusOr<Plan>(const JobSpec& spec, int evaluations)>
      named;
  PlanProblem search;
  // Why the second takes longer than the first; see ExplainLoss.
  std::function<absl::StatusOr<std::string>(const Plan& winner,
                                            const Plan& loser)>
      explain;
};

// Plans the job, whose schedule is `auto`, under every synchronous schedule of
// whole sequences that takes the rest of its parallelism as it is, with two to
// four stages per rank where both leave that open, and under schedules made for
// the stages of the best of these (see SearchPlans), which start from them.
// Those names that search are tried only where memory is too small for others:
// otherwise they are searches of the same placements. Returns the plan with the
// shortest step; of those within a thousandth of it, the one whose neediest
// rank needs least. Same job, same plan.
//
// Says in `schedule_reason` what came second and why it lost, how far the step
// is above the proven lower bound, and what became of the others.
//
// Errors: 1F1B's, when none is possible.
absl::StatusOr<Plan> ChooseSchedule(const JobSpec& spec,
                                    const ScheduleChoice& choice);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_CHOOSE_SCHEDULE_H_
