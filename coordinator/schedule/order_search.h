#ifndef COORDINATOR_SCHEDULE_ORDER_SEARCH_H_
#define COORDINATOR_SCHEDULE_ORDER_SEARCH_H_

#include <vector>

#include "coordinator/schedule/insert_weights.h"
#include "coordinator/schedule/pipeline_instance.h"
#include "coordinator/schedule/search_options.h"

namespace penstock {

// F's and I's per rank.
using PassOrders = std::vector<std::vector<Action>>;

// The best of `orders` with W's put where a few settings of WeightRules say,
// equal on all ranks, or allowing rank r to delay r W's, as ZB-H1 does.
FoundSchedule SearchWeights(const PipelineInstance& instance,
                            const PassOrders& orders,
                            const SearchOptions& options);

// Orders to start from where each rank has one stage: warm-up forwards, as many
// as 1F1B's times one half to four, then I and F alternately.
std::vector<PassOrders> WarmUpOrders(const PipelineInstance& instance);

// A repeating pattern for a V of two stages per rank (Qi et al. 2024, "Pipeline
// Parallelism with Controllable Memory"): micro-batch j runs F and I of the V's
// two legs down and up, `period` slots after micro-batch j - 1. From rank to
// rank the four passes are `slopes` slots apart; `gap` free slots lie between
// the last F and the first I, `back_gap` where I turns. An activation then
// lives (sum of slopes) / period micro-batches on each rank.
struct SlopePattern {
  int slopes[4] = {1, 1, 1, 1};  // F down, F up, I down, I up.
  int gap = 0;
  int back_gap = 0;
  int period = 6;
};

// F = I = W = 1 on all stages, and hops for nothing: what patterns are for.
PipelineInstance WithEvenTimes(PipelineInstance instance);

// Patterns with slopes from 1 to 4 and gaps of 0 to 3 slots whose activations
// are about the instance's memory, the nearest first.
std::vector<SlopePattern> PatternsFor(const PipelineInstance& instance);

// The pattern's slots as times. Requires a V of two stages per rank.
TimedSchedule LayOut(const PipelineInstance& instance,
                     const SlopePattern& pattern);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_ORDER_SEARCH_H_
