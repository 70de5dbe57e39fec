#ifndef COORDINATOR_SCHEDULE_GPIPE_LIFO_H_
#define COORDINATOR_SCHEDULE_GPIPE_LIFO_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// GPipe (Huang et al. 2019) with the backward passes of the paper and of
// torchgpipe, the last micro-batch first: what a rank made last, it uses first.
// Times and memory are those of gpipe.h; weight gradients are summed from the
// last micro-batch to the first.
absl::StatusOr<Schedule> GPipeLifo(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_GPIPE_LIFO_H_
