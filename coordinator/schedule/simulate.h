#ifndef COORDINATOR_SCHEDULE_SIMULATE_H_
#define COORDINATOR_SCHEDULE_SIMULATE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

struct ActionTime {
  double start = 0;
  double end = 0;
};

struct Simulation {
  double makespan = 0;
  // From the start of a rank's first action to the end of its last compute
  // action, the longest of all ranks. The zero-bubble papers' iteration.
  double span_max = 0;
  std::vector<double> busy;  // Per rank: F, B, I, W and OPTIMIZER.
  std::vector<double> span;  // Per rank.
  // 1 - sum of busy / (ranks x makespan): the idle share of all ranks' time.
  double bubble_fraction_makespan = 0;
  // 1 - largest busy / span_max, without OPTIMIZER.
  double bubble_fraction_span = 0;
  // Most (stage, micro-batch) activations held at once, per rank.
  std::vector<int> peak_activations;
  // actions[r][i] is when rank r does the i-th action of its program; empty
  // unless asked for.
  std::vector<std::vector<ActionTime>> actions;
};

struct SimulationOptions {
  bool record_actions = false;
};

// Executes `schedule`, compute-only or lowered, in invented time. Each rank
// executes its program in order; F, I and B start when the rank is free and
// each input is there, a hop after its producer ended when that was on another
// rank; B takes I and W. Transfers cost the ranks nothing and do not disturb
// each other. REDUCE_GRAD runs beside what follows it, one after another;
// REDUCE_TIED waits for both ends; OPTIMIZER waits for all ranks, because the
// gradient's norm does.
//
// Linear in the number of actions.
//
// Errors:
//   InvalidArgument: costs do not match the schedule in number, or are negative
//     or not finite; or `schedule` does not terminate (see Verify).
absl::StatusOr<Simulation> Simulate(const Schedule& schedule,
                                    const ScheduleCosts& costs,
                                    const SimulationOptions& options = {});

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SIMULATE_H_
