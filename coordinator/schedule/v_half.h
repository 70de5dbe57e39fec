#ifndef COORDINATOR_SCHEDULE_V_HALF_H_
#define COORDINATOR_SCHEDULE_V_HALF_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// V-Half and V-Min (Qi et al. 2024, "Pipeline Parallelism with Controllable
// Memory"): a V of two stages per rank and, for equal times, a pattern that
// repeats every six slots, squeezed. V-Half holds the activations of
// 2 floor((p + 2) / 2) stages on each rank at most, V-Min those of
// 2 floor((p + 4) / 3); 1F1B 2p of that size.
//
// With costs that are not equal (or hops that are not free), the shortest span
// that a search finds within the same memory. Any ranks and micro-batches.
//
// Errors:
//   InvalidArgument: names the field and what would be accepted.
absl::StatusOr<Schedule> VHalf(const ScheduleRequest& request);
absl::StatusOr<Schedule> VMin(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_V_HALF_H_
