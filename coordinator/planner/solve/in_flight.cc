#include "coordinator/planner/solve/in_flight.h"

#include <algorithm>

namespace penstock {

std::vector<int64_t> InFlightOf(const Schedule& schedule) {
  std::vector<int64_t> peak(schedule.stages());
  std::vector<int64_t> held(schedule.stages());
  for (const std::vector<Action>& program : schedule.programs) {
    for (const Action& action : program) {
      if (action.kind == ActionKind::kForward && action.piece <= 0) {
        peak[action.stage] = std::max(peak[action.stage], ++held[action.stage]);
      } else if ((action.kind == ActionKind::kBackward ||
                  action.kind == ActionKind::kBackwardWeight) &&
                 action.piece <= 0) {
        --held[action.stage];
      }
    }
  }
  return peak;
}

}  // namespace penstock
