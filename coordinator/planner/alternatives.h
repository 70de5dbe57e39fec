#ifndef COORDINATOR_PLANNER_ALTERNATIVES_H_
#define COORDINATOR_PLANNER_ALTERNATIVES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planner/profile.h"
#include "proto/plan.h"

namespace penstock {

// A schedule that the executors of a plan could turn to between two steps.
struct Alternative {
  std::string schedule;  // "1f1b-slack, slack 2".
  double step = 0;       // Seconds, predicted from the profile.
  Plan plan;             // With forecasts from the profile.
};

// The plan in force, first, and every named schedule with its stages, ranks and
// order of sums: the weights have the same bits with each. Those that need more
// than `memory_bytes` (per rank) are left out. A step is predicted as simulated
// with the profile's costs, plus what the plan in force takes beyond its own
// simulation.
//
// Errors: those of Simulate; not for a plan that MakePlan made.
absl::StatusOr<std::vector<Alternative>> FindAlternatives(
    const Plan& plan, const Profile& profile,
    const std::vector<int64_t>& memory_bytes);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_ALTERNATIVES_H_
