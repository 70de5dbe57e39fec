#ifndef COORDINATOR_PLANNER_SOLVE_CHAIN_SEARCH_H_
#define COORDINATOR_PLANNER_SOLVE_CHAIN_SEARCH_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "coordinator/planner/solve/device_types.h"
#include "coordinator/planner/solve/recompute_choice.h"
#include "coordinator/planner/solve/stage_model.h"
#include "coordinator/planner/solve/ticks.h"

namespace penstock {

// A chain of stages, one per device, that minimises
//   sum_weight x (sum of the stages' times) + max_weight x (the slowest's).
struct ChainQuery {
  const StageModel& model;
  const TickScale& scale;
  const DeviceSequence& devices;
  int64_t stages = 0;
  int64_t sum_weight = 0;
  int64_t max_weight = 1;
  // Micro-batches that a stage holds at once; absent: none.
  std::function<int64_t(int64_t stage)> in_flight;
  RecomputeRule recompute;
  // Only chains of a smaller value are looked for.
  int64_t value_below = std::numeric_limits<int64_t>::max();
};

struct Chain {
  int64_t value = 0;          // Ticks.
  std::vector<int64_t> cuts;  // Stage s is [cuts[s], cuts[s + 1]).
  std::vector<int> types;     // Of the stages' devices.
};

struct ChainResult {
  std::optional<Chain> chain;
  // Every chain was considered: `chain` is a best one, or there is none.
  bool complete = true;
};

// Exact, unless `budget` (of stages tried; what is used is taken from it) ends
// the search. Dynamic programming over (stages so far, devices so far, layers
// so far), which keeps all pairs of sum and maximum that no other pair beats;
// a pair is dropped when even the remaining work spread evenly over the fastest
// device's speed cannot bring it below the best value. The first of equals
// wins.
ChainResult SearchChain(const ChainQuery& query, int64_t& budget);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_CHAIN_SEARCH_H_
