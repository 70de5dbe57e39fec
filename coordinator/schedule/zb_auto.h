#ifndef COORDINATOR_SCHEDULE_ZB_AUTO_H_
#define COORDINATOR_SCHEDULE_ZB_AUTO_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// ZB-1p and ZB-2p (Qi et al. 2024, "Zero Bubble Pipeline Parallelism"): one
// stage per rank, I and W apart, placed by the stages' times and the hops for
// the shortest span while no rank holds more than `activations_max`
// activations: as many as there are ranks for ZB-1p (also when it is 0), twice
// as many for ZB-2p. Any ranks and micro-batches.
//
// An activation counts until the end of W; request.weight_input_share says how
// much of it remains after I. The paper's rates for ZB-2p need that: with all
// of it W's must run so early that no schedule gets there.
//
// Errors:
//   InvalidArgument: names the field and what would be accepted.
absl::StatusOr<Schedule> ZbAuto(const ScheduleRequest& request);

// The same for a V of two stages per rank (automatic ZBV): 0 activations_max
// means twice as many as there are ranks, which is 1F1B's memory, because each
// stage is half as large.
absl::StatusOr<Schedule> ZbvAuto(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_ZB_AUTO_H_
