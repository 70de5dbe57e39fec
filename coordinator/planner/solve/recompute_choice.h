#ifndef COORDINATOR_PLANNER_SOLVE_RECOMPUTE_CHOICE_H_
#define COORDINATOR_PLANNER_SOLVE_RECOMPUTE_CHOICE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/stage_model.h"

namespace penstock {

// One of the stages of a rank: its layers, and the micro-batches whose
// activations it holds at once.
struct HeldStage {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t in_flight = 0;
};

struct RecomputeRule {
  SolveRecompute policy = SolveRecompute::kAuto;
  // While a layer runs again it needs room for what it does not keep: that of
  // the rank's largest one. The formulas of the literature leave it out.
  bool counts_workspace = false;
};

struct RecomputeChoice {
  std::vector<int64_t> layers;  // Ascending; run forward twice.
  int64_t added = 0;            // Nanoseconds at speed 1, per micro-batch.
  int64_t bytes = 0;            // Of the rank.
  // False: there were too many mixtures to try, and a cheaper one may exist.
  bool least = true;
};

// The layers of a rank to recompute so that it needs at most `capacity` bytes
// and the least time is added. Exact: keeps every mixture of saved bytes and
// added time that no other one beats in both (at most 2^12).
//
// Nothing when it does not fit; `bytes_least` is then what it would need at
// least.
std::optional<RecomputeChoice> ChooseRecompute(
    const StageModel& model, const std::vector<HeldStage>& stages,
    const RecomputeRule& rule, int64_t capacity,
    int64_t* bytes_least = nullptr);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_RECOMPUTE_CHOICE_H_
