#ifndef COORDINATOR_PLANNER_SOLVE_LOAD_SEARCH_H_
#define COORDINATOR_PLANNER_SOLVE_LOAD_SEARCH_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/stage_model.h"
#include "coordinator/planner/solve/ticks.h"

namespace penstock {

// A loop of stages, stage i on rank i mod ranks, that minimises the time of the
// busiest rank for one micro-batch.
struct LoadQuery {
  const StageModel& model;
  const TickScale& scale;
  std::vector<SolveDevice> devices;  // Of each rank.
  int64_t stages_per_rank = 1;
};

struct LoadResult {
  int64_t value = 0;                         // Ticks.
  std::optional<std::vector<int64_t>> cuts;  // Stage s: [cuts[s], cuts[s + 1]).
  bool complete = true;                      // As in ChainResult.
};

// Exact within `budget` (of stages tried and loads compared): breadth first
// over the stages, keeping for each number of layers so far the ranks' loads
// and bytes that no others beat on every rank. Looks for values below a bound a
// little above the average load, which grows until there is one.
//
// A rank's memory holds its stages' states and the activations of one
// micro-batch of each.
LoadResult SearchLoad(const LoadQuery& query, int64_t& budget);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_LOAD_SEARCH_H_
