#ifndef COORDINATOR_SCHEDULE_NAIVE_H_
#define COORDINATOR_SCHEDULE_NAIVE_H_

#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// Naive model parallelism: one micro-batch at a time goes up and down, so one
// rank works and the others wait. Bubble 1 - 1/S of the makespan; holds one
// activation per stage. What the other schedules are measured against.
Schedule Naive(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_NAIVE_H_
