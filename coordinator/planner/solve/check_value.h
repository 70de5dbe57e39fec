#ifndef COORDINATOR_PLANNER_SOLVE_CHECK_VALUE_H_
#define COORDINATOR_PLANNER_SOLVE_CHECK_VALUE_H_

#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/solution.h"

namespace penstock {

// Whether the objective, worked out again in floating-point microseconds from
// the layers' own times, is the solution's value to six digits, and not below
// its lower bound. For a makespan the schedule is generated, verified and
// simulated again.
SolveCheck CheckValue(const SolveProblem& problem, const Solution& solution);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_CHECK_VALUE_H_
