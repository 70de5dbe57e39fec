#ifndef COORDINATOR_SCHEDULE_SEARCH_OPTIONS_H_
#define COORDINATOR_SCHEDULE_SEARCH_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "coordinator/schedule/pipeline_instance.h"

namespace penstock {

struct SearchOptions {
  Objective objective = Objective::kMakespan;
  // Schedules to make and time; about 3 to 10 million actions a second for
  // those that rules make, 20 to 40 million for those that moves make.
  int evaluations = 0;
  uint64_t seed = 0;
  // Asked now and then; true ends the search early. Only a caller who answers
  // by a clock makes the result depend on one.
  std::function<bool()> stop = [] { return false; };
};

struct FoundSchedule {
  std::vector<std::vector<Action>> programs;  // F, I and W; empty: none found.
  ListTimes times;
  double value = 0;     // times.Value of the objective.
  int evaluations = 0;  // Used.
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SEARCH_OPTIONS_H_
