#ifndef COORDINATOR_PLANNER_SOLVE_CLOSED_OBJECTIVES_H_
#define COORDINATOR_PLANNER_SOLVE_CLOSED_OBJECTIVES_H_

#include "absl/status/statusor.h"
#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/solution.h"
#include "coordinator/planner/solve/ticks.h"

namespace penstock {

// The objectives that are formulas of the stages' times, solved by exact search
// (see chain_search.h and load_search.h): bottleneck, one_f_one_b_bound and
// device_load. The certificate is left to the caller.
//
// Errors:
//   InvalidArgument: an option that means nothing to the objective.
//   FailedPrecondition: nothing fits.
absl::StatusOr<Solution> SolveClosedObjective(const SolveProblem& problem,
                                              const TickScale& scale);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_CLOSED_OBJECTIVES_H_
