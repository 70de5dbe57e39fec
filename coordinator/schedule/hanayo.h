#ifndef COORDINATOR_SCHEDULE_HANAYO_H_
#define COORDINATOR_SCHEDULE_HANAYO_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// Hanayo (Liu et al. 2023): a wave of 2 w stages per rank, through which every
// micro-batch runs w times down and up, with one copy of the weights. One wave
// is V-1F1B. The list is made by fused_wave.h.
//
// Errors:
//   InvalidArgument: the stages per rank are odd.
absl::StatusOr<Schedule> Hanayo(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_HANAYO_H_
