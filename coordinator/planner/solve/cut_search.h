#ifndef COORDINATOR_PLANNER_SOLVE_CUT_SEARCH_H_
#define COORDINATOR_PLANNER_SOLVE_CUT_SEARCH_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "coordinator/planner/solve/candidates.h"
#include "coordinator/planner/solve/evaluate.h"
#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/stage_model.h"
#include "coordinator/planner/solve/ticks.h"

namespace penstock {

// The best that is known of a candidate.
struct Incumbent {
  double makespan = std::numeric_limits<double>::infinity();
  PipelinePoint point;
  Evaluation evaluation;
  std::string failure;  // Of the last point that was no answer.
};

// Looks for a candidate's best cuts and order of devices by exact simulation.
// Thread-compatible. The arguments must outlive it.
class CutSearch {
 public:
  // What is simulated, and points tried, are taken from `budget`.
  CutSearch(const SolveProblem& problem, const StageModel& model,
            const TickScale& scale, const Candidate& candidate, int64_t& budget)
      : problem_(problem),
        model_(model),
        scale_(scale),
        candidate_(candidate),
        budget_(budget) {}

  // For each order of the devices: begins with the cuts that 1F1B's upper bound
  // (sum of t + (m - 1) max t) is least for under the memory of the schedule's
  // stages, and moves single cuts by one layer while that helps.
  void Improve(Incumbent& best);

  // Tries all cuts and orders that the lower bound leaves below the incumbent.
  // True when none of them is left: the incumbent is then a best one, provided
  // that its orders are complete.
  bool Exhaust(Incumbent& best);

 private:
  using Order = std::vector<std::vector<int>>;

  // One path through the tree of cuts.
  struct Path {
    std::vector<int64_t> cuts = {0};
    std::vector<LayerTimes> before;  // Per rank; of its first slice.
    std::vector<LayerTimes> work;    // Per rank, for one micro-batch.
    std::vector<bool> begun;         // Per rank.
  };

  std::optional<std::vector<int64_t>> StartingCuts(const Order& order);
  bool Try(const std::vector<int64_t>& cuts, const Order& order,
           Incumbent& best);
  void Climb(const Order& order, Incumbent& best);
  void Descend(const Order& order, const Path& path, Incumbent& best);
  bool MayBeBelow(const Order& order, const Path& path, double value) const;

  const SolveProblem& problem_;
  const StageModel& model_;
  const TickScale& scale_;
  const Candidate& candidate_;
  int64_t& budget_;
};

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_CUT_SEARCH_H_
