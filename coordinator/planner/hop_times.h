#ifndef COORDINATOR_PLANNER_HOP_TIMES_H_
#define COORDINATOR_PLANNER_HOP_TIMES_H_

#include <span>
#include <vector>

#include "proto/metrics.h"
#include "proto/plan.h"

namespace penstock {

// What crossing the boundary between two stages took, in seconds: from the end
// of the pass that made a tensor to the beginning of the one that waited for
// it, the median. Without a pass that waited there is only an upper bound,
// and without any tensor that is infinite.
struct HopTime {
  double forward = 0;   // Of activations, towards the next stage.
  double backward = 0;  // Of gradients.
  int forward_waits = 0;
  int backward_waits = 0;
  // Of both directions, the part in which the link carries nothing else, where
  // that shows (see FitLink); the times above are then without queueing.
  bool separated = false;
  double occupancy = 0;

  bool measured() const { return forward_waits > 0 || backward_waits > 0; }
  // Of both directions, where something waited.
  double whole() const;
};

struct HopTimes {
  std::vector<HopTime> hops;  // Between stages s and s + 1.
  // To be added to the times of each rank to get those of rank 0's clock, of
  // the first replica; seconds.
  std::vector<double> clock_offsets;
};

// From traces of the plan's own revision, in any order; others are left out.
//
// Clocks of two ranks are compared as NTP does (Mills 1991): the shortest ways
// there and back are taken to be equal, unless the traces are consistent with
// one clock, which then they have.
HopTimes MeasureHops(const Plan& plan, std::span<const StepTrace> traces);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_HOP_TIMES_H_
