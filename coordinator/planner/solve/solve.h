#ifndef COORDINATOR_PLANNER_SOLVE_SOLVE_H_
#define COORDINATOR_PLANNER_SOLVE_SOLVE_H_

#include "absl/status/statusor.h"
#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/solution.h"

namespace penstock {

// The best plan for `problem`, with its certificate, a lower bound and what
// became of the alternatives. Pure and deterministic: equal problems have equal
// solutions. Ends when problem.budget is used up; `optimal` says whether that
// was enough for a proof.
//
// Requires a problem as ParseSolveProblem returns it.
//
// Errors:
//   InvalidArgument: options that contradict each other.
//   FailedPrecondition: nothing fits, or no combination of options is possible.
//   Internal: the solution did not pass its own certificate.
absl::StatusOr<Solution> Solve(const SolveProblem& problem);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_SOLVE_H_
