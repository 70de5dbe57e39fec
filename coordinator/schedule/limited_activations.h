#ifndef COORDINATOR_SCHEDULE_LIMITED_ACTIVATIONS_H_
#define COORDINATOR_SCHEDULE_LIMITED_ACTIVATIONS_H_

#include <functional>

#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// The schedules that differ only in how many activations a stage may hold: each
// stage, on the rank of its number, runs a forward pass whenever it holds fewer
// than `limit(stage)` >= 1, and otherwise the next backward pass.
//
// Requires request.ranks >= 1 and request.microbatches >= 1.
Schedule LimitedActivations(const ScheduleRequest& request,
                            const std::function<int(int stage)>& limit);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_LIMITED_ACTIVATIONS_H_
