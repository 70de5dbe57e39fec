#ifndef COORDINATOR_PLANNER_SOLVE_PROBLEM_JSON_H_
#define COORDINATOR_PLANNER_SOLVE_PROBLEM_JSON_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/planner/solve/problem.h"

namespace penstock {

// The problem that `text` describes, in the form of docs/plan_solve.md, with
// every default in its place. What is returned meets all that Solve requires.
//
// Errors:
//   InvalidArgument: not JSON, an unknown field, or a value that is not
//     accepted: the field's path, its value and what would be.
absl::StatusOr<SolveProblem> ParseSolveProblem(std::string_view text);

// The default of SolveProblem::budget.
inline constexpr int64_t kSolveBudget = 50'000'000;

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_PROBLEM_JSON_H_
