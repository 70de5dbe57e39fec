#ifndef COORDINATOR_PLANNER_SOLVE_CANDIDATES_H_
#define COORDINATOR_PLANNER_SOLVE_CANDIDATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/planner/solve/device_orders.h"
#include "coordinator/planner/solve/lower_bound.h"
#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/solution.h"
#include "coordinator/planner/solve/ticks.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// A way to run the model of which only the cuts, the order of the devices and
// the recomputing are open.
struct Candidate {
  SolveChoice choice;
  Schedule shape;  // For stages of equal times.
  BoundShape bound_shape;
  DeviceOrders orders;
  int64_t lower_bound = 0;  // Ticks.
};

// What the options allow but cannot be.
struct Impossible {
  SolveChoice choice;
  std::string reason;
};

struct Candidates {
  std::vector<Candidate> possible;  // By ascending lower bound.
  std::vector<Impossible> impossible;
  int64_t actions = 0;   // Generated.
  bool complete = true;  // False: `budget` ended the enumeration.
};

// All combinations of the options' schedules, widths, stages per rank and
// micro-batch sizes. By default: every schedule whose updates are synchronous,
// its own number of stages per rank, one replica, all micro-batch sizes, and as
// many ranks as there are devices, or any number when devices may be dropped.
Candidates EnumerateCandidates(const SolveProblem& problem,
                               const TickScale& scale);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_CANDIDATES_H_
