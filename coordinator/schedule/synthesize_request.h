#ifndef COORDINATOR_SCHEDULE_SYNTHESIZE_REQUEST_H_
#define COORDINATOR_SCHEDULE_SYNTHESIZE_REQUEST_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/pipeline_instance.h"

namespace penstock {

// What a schedule is wanted for: a model in slices, each rank with
// `stages_per_rank_max` of them.
struct SynthesizeRequest {
  int ranks = 0;         // P >= 1.
  int microbatches = 0;  // M >= 1, per step.
  // Slices = ranks x stages_per_rank_max. Placements with fewer stages per rank
  // join neighbouring slices: only divisors of it are tried.
  int stages_per_rank_max = 1;
  // Of slices: costs.stages[s], and costs.hops[s] between s and s + 1 if those
  // are on different ranks. `tied` and `optimizer` do not count.
  ScheduleCosts slices;
  std::vector<ActivationMemory> memory;  // Per slice.
  std::vector<double> memory_max;        // Per rank, in the unit of `memory`.
  // The model may be held twice, for bidirectional schedules.
  bool two_copies = false;
  // Only this many stages per rank, a divisor of stages_per_rank_max; 0: any.
  int stages_per_rank = 0;

  Objective objective = Objective::kMakespan;
  uint64_t seed = 0;
  // Schedules to make and time, over all placements. With P = 8, M = 32 about
  // 10000 a second on one core, inversely to the number of actions.
  int evaluations = 4000;
  // True ends the search early. Only a caller who answers by a clock makes the
  // answer depend on it.
  std::function<bool()> stop = [] { return false; };
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SYNTHESIZE_REQUEST_H_
