#ifndef COORDINATOR_CLI_SOLUTION_TEXT_H_
#define COORDINATOR_CLI_SOLUTION_TEXT_H_

#include <string>

#include "coordinator/cli/output_format.h"
#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/solution.h"

namespace penstock {

// For people: what was chosen, stage by stage, its proof, and the best of each
// way that was not.
std::string SolutionText(const SolveProblem& problem, const Solution& solution,
                         int width);

// All of it, ends in a line break; the fields are those of docs/plan_solve.md.
std::string SolutionJson(const SolveProblem& problem, const Solution& solution,
                         OutputFormat format);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SOLUTION_TEXT_H_
