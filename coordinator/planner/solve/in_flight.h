#ifndef COORDINATOR_PLANNER_SOLVE_IN_FLIGHT_H_
#define COORDINATOR_PLANNER_SOLVE_IN_FLIGHT_H_

#include <cstdint>
#include <vector>

#include "coordinator/schedule/schedule.h"

namespace penstock {

// The most micro-batches whose activations each stage holds at once: between
// their F and the end of their B or W. Of micro-batches that are cut into equal
// pieces each piece counts for its share, and the sum is rounded up. Ranks
// execute in order, so this follows from the programs alone.
std::vector<int64_t> InFlightOf(const Schedule& schedule);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_IN_FLIGHT_H_
