#ifndef COORDINATOR_SCHEDULE_UNIT_TIMES_H_
#define COORDINATOR_SCHEDULE_UNIT_TIMES_H_

#include <string>
#include <vector>

#include "coordinator/schedule/schedule.h"

namespace penstock {

// What comes of a compute-only schedule with F = I = W = 1 and free hops.
struct TimesInUnits {
  std::string error;  // Empty when every action is right and the ranks end.
  int makespan = 0;
  int span = 0;            // Of the longest rank, from its first action.
  std::vector<int> peaks;  // Activations held, per rank.
};

// The slow and obvious way, for tests of generators: rank by rank, action by
// action, over maps. Knows copies, pieces, versions and compound actions, which
// begin when both inputs are there and last as long as both.
TimesInUnits ExecuteInUnits(const Schedule& schedule);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_UNIT_TIMES_H_
