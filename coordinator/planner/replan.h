#ifndef COORDINATOR_PLANNER_REPLAN_H_
#define COORDINATOR_PLANNER_REPLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planner/profile.h"
#include "proto/plan.h"

namespace penstock {

struct ReplanOptions {
  // Turning to another schedule must save this share of a step,
  double gain_min = 0.02;
  // and in all that is left more than so many steps take, for the buffers are
  // cut anew.
  double cost_steps = 1;
  // Forecasts alone are replaced when they are off by this share.
  double forecast_error = 0.05;
};

struct Replanned {
  // The plan's next revision; unset: the plan in force stays as it is.
  std::optional<Plan> plan;
  std::string reason;  // Why, for people.
  // Of a step, in seconds: by the plan in force, and predicted of the plan that
  // came out or stays.
  double measured = 0;
  double predicted = 0;
};

// The plan made again from what its steps took: another schedule if that pays
// (see FindAlternatives; the weights have the same bits with each), or else the
// same programs with better forecasts, or nothing when neither is worth it.
//
// Pure. Errors: those of FindAlternatives.
absl::StatusOr<Replanned> Replan(const Plan& plan, const Profile& profile,
                                 const std::vector<int64_t>& memory_bytes,
                                 int64_t steps_left,
                                 const ReplanOptions& options = {});

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_REPLAN_H_
