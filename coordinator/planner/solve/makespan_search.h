#ifndef COORDINATOR_PLANNER_SOLVE_MAKESPAN_SEARCH_H_
#define COORDINATOR_PLANNER_SOLVE_MAKESPAN_SEARCH_H_

#include "absl/status/statusor.h"
#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/solution.h"
#include "coordinator/planner/solve/ticks.h"

namespace penstock {

// Chooses schedule, mesh, micro-batch size, order of the devices, cuts and
// recomputing together, by simulation. First every candidate is improved from
// good cuts, most promising bound first; then those whose bound lies below the
// best value are searched through. What the first part may use of the budget is
// half of it.
//
// The certificate is left to the caller.
//
// Errors:
//   FailedPrecondition: no candidate is possible, or none fits; with reasons.
absl::StatusOr<Solution> SolveMakespan(const SolveProblem& problem,
                                       const TickScale& scale);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_MAKESPAN_SEARCH_H_
