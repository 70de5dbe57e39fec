#ifndef COORDINATOR_SCHEDULE_RECOMPUTED_H_
#define COORDINATOR_SCHEDULE_RECOMPUTED_H_

#include <cstddef>
#include <vector>

#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/topology.h"

namespace penstock {

// Which cells have an R, so that their F keeps only its input.
class RecomputedCells {
 public:
  // Linear in the number of actions.
  RecomputedCells(const Schedule& schedule, const Topology& topology) {
    for (const std::vector<Action>& program : schedule.programs) {
      for (const Action& action : program) {
        if (action.kind != ActionKind::kRecompute) continue;
        cells_.resize(topology.cells());
        cells_[topology.Cell(action)] = true;
      }
    }
  }

  bool Has(size_t cell) const { return !cells_.empty() && cells_[cell]; }

 private:
  std::vector<bool> cells_;  // Empty when there is no R at all.
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_RECOMPUTED_H_
