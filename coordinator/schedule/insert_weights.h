#ifndef COORDINATOR_SCHEDULE_INSERT_WEIGHTS_H_
#define COORDINATOR_SCHEDULE_INSERT_WEIGHTS_H_

#include <optional>
#include <vector>

#include "coordinator/schedule/pipeline_instance.h"

namespace penstock {

// Where a rank puts its W's between the F's and I's, whose order is given.
struct WeightRules {
  // Per rank: W fills a gap before the next F or I that is at least this share
  // of its time.
  std::vector<double> fill;
  // Per rank: W runs before any F and I when more than so many wait.
  std::vector<int> pending_max;
};

struct TimedSchedule {
  std::vector<std::vector<Action>> programs;  // F, I and W.
  std::vector<std::vector<double>> starts;    // Of each action.
  ListTimes times;
};

// Executes `orders`, F's and I's per rank, in time, and puts W's where `rules`
// say, where an F finds no memory otherwise, and at the end. Each rank knows
// how long it has to wait for its next F or I.
//
// Nothing if the orders cannot be executed within the ranks' memory.
std::optional<TimedSchedule> InsertWeights(
    const PipelineInstance& instance,
    const std::vector<std::vector<Action>>& orders, const WeightRules& rules);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_INSERT_WEIGHTS_H_
