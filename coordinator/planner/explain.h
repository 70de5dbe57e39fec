#ifndef COORDINATOR_PLANNER_EXPLAIN_H_
#define COORDINATOR_PLANNER_EXPLAIN_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/schedule/bubble.h"
#include "coordinator/schedule/costs.h"
#include "proto/metrics.h"
#include "proto/plan.h"

namespace penstock {

// Where the time of a step goes on one rank; shares of the step, which add up
// to 1.
struct RankShares {
  double busy = 0;  // F, B, I, W and R.
  BubbleCauses causes;
  // The update, the agreement on it, calls between passes, between steps.
  double other = 0;
};

struct StepExplanation {
  double step = 0;  // Seconds.
  std::vector<RankShares> ranks;
  ScheduleCosts costs;
};

// Where the steps of a job go: as its plan forecasts, and as its executors
// traced.
struct Explanation {
  StepExplanation planned;
  // Means over the steps that every rank traced, of the first replica; empty,
  // with no steps, before the first.
  int steps = 0;
  StepExplanation measured;
  // Of each of its hops, whether the measurements tell occupancy from latency;
  // see Profile.
  std::vector<bool> hops_separated;
  // The largest cause, and what could be done; one line for people.
  std::string advice;
};

// Which traces are left out: see MeasureProfile.
//
// Errors: those of Simulate; not for a plan that MakePlan made.
absl::StatusOr<Explanation> Explain(const Plan& plan,
                                    std::span<const StepTrace> traces);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_EXPLAIN_H_
