#ifndef COORDINATOR_SCHEDULE_REDUCTIONS_H_
#define COORDINATOR_SCHEDULE_REDUCTIONS_H_

#include <cstddef>
#include <vector>

#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// A REDUCE_GRAD, REDUCE_COPY or REDUCE_TIED that its rank has come to.
struct Reduction {
  Action action;
  size_t index = 0;   // In its rank's program.
  double issued = 0;  // When its rank came to it.
  double start = 0;
  double end = 0;
};

// Sets `start` and `end`, given the rest: the reductions of a rank, in the
// order of its program, run one after another, and those between ranks once all
// their ends have come to them. What never comes keeps 0.
void TimeReductions(const Schedule& schedule, const ScheduleCosts& costs,
                    std::vector<std::vector<Reduction>>& of_rank);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_REDUCTIONS_H_
