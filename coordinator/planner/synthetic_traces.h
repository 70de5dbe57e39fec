#ifndef COORDINATOR_PLANNER_SYNTHETIC_TRACES_H_
#define COORDINATOR_PLANNER_SYNTHETIC_TRACES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/planner/profile.h"
#include "coordinator/schedule/costs.h"
#include "proto/metrics.h"
#include "proto/plan.h"

namespace penstock {

// What executors would have traced; for tests.
struct SyntheticSteps {
  ScheduleCosts costs;  // What the actions really take, in seconds.
  int first_step = 1;
  int steps = 8;
  double between_steps = 0;  // Seconds.
  // How far each rank's clock is ahead, in microseconds; empty for one clock.
  std::vector<int64_t> clocks_us;
  // One B of stage 0, for which nobody waits, in `slow_every` takes ten times
  // as long; 0 for none.
  int slow_every = 0;
};

// Simulates the plan's programs with `steps.costs`.
std::vector<StepTrace> MakeTraces(const Plan& plan,
                                  const SyntheticSteps& steps);

// A plan of `ranks` ranks that sleep, 2 ms for F, 3 for I and 1 for W, and its
// forecast of each of those is `optimism` times that.
Plan SleepingPlan(int ranks, int microbatches, const std::string& schedule,
                  double optimism = 1);

// What such ranks really take, with hops of `hop` seconds and an optimizer of
// 1 ms.
ScheduleCosts SleepingCosts(int ranks, double hop);

// The profile of steps of the plan. Ends the process where there is none.
Profile ProfileOf(const Plan& plan, const SyntheticSteps& steps);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SYNTHETIC_TRACES_H_
