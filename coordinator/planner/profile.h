#ifndef COORDINATOR_PLANNER_PROFILE_H_
#define COORDINATOR_PLANNER_PROFILE_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planner/hop_times.h"
#include "coordinator/schedule/costs.h"
#include "proto/metrics.h"
#include "proto/plan.h"

namespace penstock {

// What the steps of one plan took, measured on its ranks; in seconds. Medians
// over steps, micro-batches and replicas, so that single slow passes do not
// count.
struct Profile {
  int steps = 0;  // Of which every rank's trace was there.
  // As SimulatePlan's, with what was measured in place of what was forecast.
  // OPTIMIZER's is from when the last rank comes to it, so it has the agreement
  // of all ranks in it.
  ScheduleCosts costs;
  HopTimes hops;
  // From the beginning of a step to that of the next.
  double step = 0;
  // Of it, what lies between the last action and the next step.
  double between_steps = 0;
  // Per rank: computing in one step, without OPTIMIZER.
  std::vector<double> busy;
};

// From traces of `plan`, in any order; those of another revision are left out,
// and the
// first step as well if there are three or more: it touches memory for the
// first time. What was not measured is taken from `forecast` (see PlanCosts):
// B is divided into I and W as forecast, a hop that nobody waited for is at
// most what the traces allow, and where HopTime::separated is not set its
// occupancy is the forecast one and all the rest is latency.
//
// Errors:
//   FailedPrecondition: there is no step of which each rank sent its trace.
//   Unimplemented: the plan cuts sequences into pieces.
absl::StatusOr<Profile> MeasureProfile(const Plan& plan,
                                       const ScheduleCosts& forecast,
                                       std::span<const StepTrace> traces);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_PROFILE_H_
