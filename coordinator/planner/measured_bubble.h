#ifndef COORDINATOR_PLANNER_MEASURED_BUBBLE_H_
#define COORDINATOR_PLANNER_MEASURED_BUBBLE_H_

#include <span>
#include <vector>

#include "coordinator/planner/profile.h"
#include "coordinator/schedule/bubble.h"
#include "proto/metrics.h"
#include "proto/plan.h"

namespace penstock {

// Of one rank in one step, in seconds.
struct MeasuredRank {
  double busy = 0;  // In passes.
  BubbleCauses causes;
};

// What ExplainWaits says of the traced times of one step: one trace of each
// rank, in their order, on clocks that `profile` compares. A tensor is there a
// measured hop after it was made. The step begins with the first rank; the time
// after a rank's last pass is drain until the last rank comes to OPTIMIZER.
std::vector<MeasuredRank> MeasureBubble(const Plan& plan,
                                        const Profile& profile,
                                        std::span<const StepTrace> traces);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_MEASURED_BUBBLE_H_
