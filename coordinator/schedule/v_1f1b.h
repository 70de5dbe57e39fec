#ifndef COORDINATOR_SCHEDULE_V_1F1B_H_
#define COORDINATOR_SCHEDULE_V_1F1B_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// V-1F1B (Qi et al. 2024, "Pipeline parallelism with controllable memory"):
// 1F1B on a V of two stages per rank, where a rank's two stages hold their
// activations for long and short in opposite order over the ranks. The list is
// made by fused_wave.h, no worse than the authors' in makespan and memory.
//
// Holds about 4/3 P activations of half a rank's layers, two thirds of what
// 1F1B's first rank holds.
absl::StatusOr<Schedule> V1F1B(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_V_1F1B_H_
