#include "coordinator/planner/solve/in_flight.h"

#include <algorithm>

namespace penstock {

std::vector<int64_t> InFlightOf(const Schedule& schedule) {
  std::vector<int64_t> peak(schedule.stages());
  std::vector<int64_t> held(schedule.stages());  // Pieces.
  for (const std::vector<Action>& program : schedule.programs) {
    for (const Action& action : program) {
      if (action.kind == ActionKind::kForward) {
        peak[action.stage] = std::max(peak[action.stage], ++held[action.stage]);
      } else if (action.kind == ActionKind::kBackward ||
                 action.kind == ActionKind::kBackwardWeight) {
        --held[action.stage];
      }
    }
  }
  for (int64_t& pieces : peak) {
    pieces = (pieces + schedule.pieces - 1) / schedule.pieces;
  }
  return peak;
}

}  // namespace penstock
