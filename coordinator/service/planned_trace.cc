#include "coordinator/service/planned_trace.h"

#include <cmath>
#include <utility>

#include "coordinator/planner/planner.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

constexpr double kMicroseconds = 1e6;

}  // namespace

absl::StatusOr<std::vector<StepTrace>> PlannedTrace(const Plan& plan) {
  ASSIGN_OR_RETURN(const Simulation simulation, SimulatePlan(plan));
  std::vector<StepTrace> traces;
  for (size_t rank = 0; rank < simulation.actions.size(); ++rank) {
    StepTrace trace = {.rank = static_cast<int>(rank)};
    for (const ActionTime& action : simulation.actions[rank]) {
      trace.begin_us.push_back(
          static_cast<uint32_t>(std::lround(action.start * kMicroseconds)));
      trace.end_us.push_back(
          static_cast<uint32_t>(std::lround(action.end * kMicroseconds)));
    }
    traces.push_back(std::move(trace));
  }
  return traces;
}

}  // namespace penstock
