#ifndef COORDINATOR_SCHEDULE_INTERLEAVED_1F1B_H_
#define COORDINATOR_SCHEDULE_INTERLEAVED_1F1B_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// Interleaved 1F1B (Narayanan et al. 2021, section 2.2): 1F1B on a loop of V >=
// 2 stages per rank, in groups of N micro-batches: a rank passes a group
// through one stage, then through its next; backward likewise, from the last
// stage. Rank r warms up with 2 (P - 1 - r) + (V - 1) N forwards.
//
// Bubble (P - 1)(F + B) / V; rank r holds one activation more than its warm-up.
// N > P hides the latency of the hops for V - 1 more activations per
// micro-batch. Groups: see group_order.h.
//
// Errors:
//   InvalidArgument: V < 2, or the micro-batches do not form such groups.
absl::StatusOr<Schedule> Interleaved1F1B(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_INTERLEAVED_1F1B_H_
