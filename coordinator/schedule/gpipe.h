#ifndef COORDINATOR_SCHEDULE_GPIPE_H_
#define COORDINATOR_SCHEDULE_GPIPE_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// GPipe (Huang et al. 2019): all forward passes, then all backward passes, both
// in the order of the micro-batches (the paper's runs them backwards, see
// gpipe_lifo.h; this order keeps the sums of weight gradients bit-identical to
// other schedules'). Bubble (P - 1) / (M + P - 1) of the makespan; holds M
// activations per rank.
absl::StatusOr<Schedule> GPipe(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_GPIPE_H_
