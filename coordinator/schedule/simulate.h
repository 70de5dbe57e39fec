#ifndef COORDINATOR_SCHEDULE_SIMULATE_H_
#define COORDINATOR_SCHEDULE_SIMULATE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/schedule/bubble.h"
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
  // Per rank: F, B, I, W, R, UPDATE and OPTIMIZER.
  std::vector<double> busy;
  std::vector<double> span;  // Per rank.
  // 1 - sum of busy / (ranks x makespan): the idle share of all ranks' time.
  double bubble_fraction_makespan = 0;
  // 1 - largest busy / span_max, without OPTIMIZER.
  double bubble_fraction_span = 0;
  // Most activations held at once, per rank: of a stage, micro-batch and piece,
  // from the start of F, or of R if there is one, to the end of B or W.
  std::vector<int> peak_activations;
  // Why each rank was idle; empty unless asked for. A rank's causes add up to
  // makespan - busy.
  std::vector<BubbleCauses> bubbles;
  // actions[r][i] is when rank r does the i-th action of its program; empty
  // unless asked for.
  std::vector<std::vector<ActionTime>> actions;
};

struct SimulationOptions {
  bool record_actions = false;
  bool explain_bubbles = false;
};

// Executes `schedule`, compute-only or lowered, in invented time. Each rank
// executes its program in order; F, I and B start when the rank is free and
// each input is there, a hop after its producer ended when that was on another
// rank; B takes I and W, R takes F. The two of a compound action start and end
// together. A piece of a micro-batch takes its share.
//
// Transfers cost the ranks nothing; those of one directed edge between two
// ranks occupy it one after another, in the order in which they were made.
//
// REDUCE_GRAD runs beside what follows it, one after another on a rank, and so
// do REDUCE_COPY and REDUCE_TIED once all their ends are there; OPTIMIZER waits
// for all ranks, because the gradient's norm does. With UPDATEs, which wait for
// nobody, it costs nothing: it only ends the step.
//
// Linear in the number of actions.
//
// Requires a well-formed schedule.
//
// Errors:
//   InvalidArgument: costs do not match the schedule in number, or are negative
//     or not finite; or `schedule` does not terminate (see Verify).
absl::StatusOr<Simulation> Simulate(const Schedule& schedule,
                                    const ScheduleCosts& costs,
                                    const SimulationOptions& options = {});

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SIMULATE_H_
