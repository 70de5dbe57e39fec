#include "coordinator/planner/revision_obstacle.h"

#include <algorithm>

#include "proto/schedule_names.h"

namespace penstock {
namespace {

bool HasWeightVersions(const Plan& plan) {
  return std::any_of(
      plan.ranks.begin(), plan.ranks.end(), [](const RankPlan& rank) {
        return std::any_of(rank.program.begin(), rank.program.end(),
                           [](const Action& action) {
                             return action.kind == ActionKind::kUpdate;
                           });
      });
}

}  // namespace

std::string RevisionObstacle(const Plan& plan) {
  if (plan.spec.parallelism.schedule != kAutoSchedule) {
    return "the job names its schedule; with schedule auto it may turn to "
           "another";
  }
  if (plan.ranks.size() < 2) return "one rank waits for no other";
  // The leader decides on such an update beside the next step, by the plan
  // that a revision would change.
  if (plan.spec.parallelism.optimistic_update) {
    return "with optimistic_update a step begins before the one before it is "
           "decided";
  }
  if (HasWeightVersions(plan)) {
    return "its schedule keeps several weight versions, and another would "
           "train to other weights";
  }
  if (plan.pieces > 1) {
    return "passes over pieces of a sequence differ in length and are not "
           "profiled";
  }
  return "";
}

}  // namespace penstock
