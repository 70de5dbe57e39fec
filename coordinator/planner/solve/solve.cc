#include "coordinator/planner/solve/solve.h"

#include "coordinator/planner/solve/certificate.h"
#include "coordinator/planner/solve/closed_objectives.h"
#include "coordinator/planner/solve/makespan_search.h"
#include "coordinator/planner/solve/ticks.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<Solution> Solve(const SolveProblem& problem) {
  ASSIGN_OR_RETURN(const TickScale scale, TickScale::Create(problem));
  ASSIGN_OR_RETURN(Solution solution,
                   problem.objective == SolveObjective::kMakespan
                       ? SolveMakespan(problem, scale)
                       : SolveClosedObjective(problem, scale));
  solution.certificate = Certify(problem, solution);
  for (const SolveCheck& check : solution.certificate) {
    if (check.holds) continue;
    return absl::InternalError(
        fmt::format("the solution is not {}: {}", check.name, check.detail));
  }
  return solution;
}

}  // namespace penstock
