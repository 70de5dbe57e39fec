#ifndef COORDINATOR_PLANNER_SOLVE_LAYOUT_H_
#define COORDINATOR_PLANNER_SOLVE_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/recompute_choice.h"
#include "coordinator/planner/solve/solution.h"
#include "coordinator/planner/solve/stage_model.h"
#include "coordinator/planner/solve/ticks.h"

namespace penstock {

// Which layers, ranks and devices make a pipeline.
struct Layout {
  std::vector<int64_t> cuts;  // Slice i of the model is [cuts[i], cuts[i + 1]).
  std::vector<int> rank_of_stage;  // Stages are slices, copy by copy.
  int copies = 1;
  std::vector<int64_t> in_flight;         // Per stage.
  std::vector<std::vector<int>> devices;  // Per rank, one per replica.
};

// One micro-batch on one stage, in ticks of its rank's device.
struct StageTicks {
  int64_t forward = 0;
  int64_t input_gradient = 0;  // Recomputing included.
  int64_t weight_gradient = 0;
};

struct LaidOut {
  std::vector<SolvedStage> stages;
  std::vector<StageTicks> times;
  std::vector<SolvedRank> ranks;
  bool recomputes_least = true;  // See RecomputeChoice::least.
};

// As slow as the slowest of them, with the memory of the smallest.
SolveDevice WeakestOf(const SolveProblem& problem,
                      const std::vector<int>& devices);

// Chooses what each rank recomputes and works out its time and memory.
//
// Errors:
//   FailedPrecondition: a rank does not fit; says which, what it would need and
//     what its device has.
absl::StatusOr<LaidOut> LayOut(const SolveProblem& problem,
                               const StageModel& model, const TickScale& scale,
                               const RecomputeRule& rule, const Layout& layout);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_LAYOUT_H_
