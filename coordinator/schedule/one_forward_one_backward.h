#ifndef COORDINATOR_SCHEDULE_ONE_FORWARD_ONE_BACKWARD_H_
#define COORDINATOR_SCHEDULE_ONE_FORWARD_ONE_BACKWARD_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// 1F1B (PipeDream-Flush, Narayanan et al. 2021): warm-up forwards, then one
// forward and one backward alternately, then the remaining backwards.
//
// Same bubble as GPipe, (P - 1) / (M + P - 1) of the makespan, but rank r holds
// only min(M, P - r) activations. Any M >= 1 will do.
absl::StatusOr<Schedule> OneForwardOneBackward(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_ONE_FORWARD_ONE_BACKWARD_H_
