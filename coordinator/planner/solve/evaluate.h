#ifndef COORDINATOR_PLANNER_SOLVE_EVALUATE_H_
#define COORDINATOR_PLANNER_SOLVE_EVALUATE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planner/solve/layout.h"
#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/solution.h"
#include "coordinator/planner/solve/stage_model.h"
#include "coordinator/planner/solve/ticks.h"
#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// A pipeline's cuts and devices, of which everything else follows.
struct PipelinePoint {
  std::vector<int64_t> cuts;              // As in Layout.
  std::vector<std::vector<int>> devices;  // As in Layout.
};

struct Evaluation {
  LaidOut laid_out;
  double makespan = 0;  // Ticks.
  double busy_max = 0;  // Of the busiest rank.
  double bubble_fraction = 0;
};

// The compute-only schedule of `choice` for stages of equal times, or for
// `costs`. Errors: those of Generate.
absl::StatusOr<Schedule> ScheduleOf(const SolveChoice& choice);
absl::StatusOr<Schedule> ScheduleOf(const SolveChoice& choice,
                                    const ScheduleCosts& costs);

// What a step of `choice` takes at `point`: lays it out under the memory that
// `shape`, the schedule for equal times, needs; generates the schedule for the
// stages' real times, and simulates it with transfers and, with replicas or
// copies, the reduction of gradients. Recomputing is part of the backward pass.
//
// `actions` grows by the number of actions generated and simulated.
//
// Errors:
//   FailedPrecondition: it does not fit the memory, with either schedule.
//   InvalidArgument: those of Generate.
absl::StatusOr<Evaluation> Evaluate(
    const SolveProblem& problem, const StageModel& model,
    const TickScale& scale, const SolveChoice& choice, const Schedule& shape,
    const PipelinePoint& point, int64_t& actions);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_EVALUATE_H_
