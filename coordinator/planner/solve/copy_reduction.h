#ifndef COORDINATOR_PLANNER_SOLVE_COPY_REDUCTION_H_
#define COORDINATOR_PLANNER_SOLVE_COPY_REDUCTION_H_

#include <vector>

#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/solution.h"

namespace penstock {

// Nanoseconds to add up the gradients of a slice's copies, the longest of all
// slices; 0 when the model is held once.
double CopyReductionTimeOf(const SolveProblem& problem,
                           const std::vector<SolvedStage>& stages,
                           const std::vector<SolvedRank>& ranks);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_COPY_REDUCTION_H_
