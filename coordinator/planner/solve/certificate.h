#ifndef COORDINATOR_PLANNER_SOLVE_CERTIFICATE_H_
#define COORDINATOR_PLANNER_SOLVE_CERTIFICATE_H_

#include <vector>

#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/solution.h"

namespace penstock {

// Proves a solution from the problem alone, layer by layer, sharing nothing
// with the search:
//   complete    every layer is in a stage, of every copy of the model
//   disjoint    and in one only
//   ordered     stages follow each other as layers do
//   non-empty   every stage has a layer, every rank a stage
//   devices     no device is used twice, and unless they may be dropped all are
//   fits        each rank's bytes, added up again, are within its device's
//   value       the objective, worked out again, is what was said
std::vector<SolveCheck> Certify(const SolveProblem& problem,
                                const Solution& solution);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_CERTIFICATE_H_
