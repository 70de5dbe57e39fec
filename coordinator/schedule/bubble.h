#ifndef COORDINATOR_SCHEDULE_BUBBLE_H_
#define COORDINATOR_SCHEDULE_BUBBLE_H_

#include <vector>

#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/topology.h"

namespace penstock {

// Why a rank was idle during a step; times. A rank is idle before its first
// action, after its last compute action, and in between while its next action
// waits for its input. Such a wait is cut in two at the moment when the input
// was made: what comes after it is `latency`. What comes before it belongs to
// one of the others, the first that applies:
//   fill: the rank has not begun its first B or I;
//   memory: as soon as the input of any later action of its program is there,
//     or I is done and W is not: another order would have filled the time, and
//     what forbids it is most often the limit on activations;
//   drain: the rank has no F left;
//   imbalance: the rest; the ranks that it waits for are slower, or later.
struct BubbleCauses {
  double fill = 0;     // With the time before the first action.
  double drain = 0;    // With the time after the last compute action.
  double latency = 0;  // Hops between the first and the last action.
  double memory = 0;
  double imbalance = 0;

  double total() const { return fill + drain + latency + memory + imbalance; }
};

// A time in which a rank was free and its next action's input was not there.
struct Wait {
  size_t index = 0;  // Of the action, in its rank's program.
  double begin = 0;
  double made = 0;  // When its input was made.
  double end = 0;   // When it was there.
};

// When tensors were there for who needs them, per cell that made them; where
// nobody else does, when they were made.
struct Arrivals {
  std::vector<double> forward;   // The output of F.
  std::vector<double> backward;  // The gradient of the input, by B or I.
};

// The causes within the waits of `rank`, which are in the order of its program;
// without the times before its first and after its last action.
BubbleCauses ExplainWaits(const Schedule& schedule, const Topology& topology,
                          const Arrivals& arrivals, int rank,
                          const std::vector<Wait>& waits);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_BUBBLE_H_
