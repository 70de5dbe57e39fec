#ifndef COORDINATOR_SCHEDULE_NAIVE_H_
#define COORDINATOR_SCHEDULE_NAIVE_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// Naive model parallelism: one micro-batch at a time goes up and down, so one
// rank works and the others wait. Bubble 1 - 1/P of the makespan; holds one
// activation per rank. What the other schedules are measured against.
//
// `request` has passed CheckFields, as for every generator.
absl::StatusOr<Schedule> Naive(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_NAIVE_H_
