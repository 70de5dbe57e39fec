#ifndef COORDINATOR_SCHEDULE_INTERLEAVED_ZB_H_
#define COORDINATOR_SCHEDULE_INTERLEAVED_ZB_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// PyTorch's ScheduleInterleavedZeroBubble: interleaved 1F1B with backward split
// into I and W. Rank r warms up with (P - 1 - r) + (V - 1) N forwards, and runs
// W delayed by r actions, the oldest first. With one stage per rank it is
// ZB-H1.
//
// Bubble (P - 1)(F + I - W) / V; holds P V activations per rank when N = P.
// Groups: see group_order.h.
//
// Errors:
//   InvalidArgument: the micro-batches do not form such groups.
absl::StatusOr<Schedule> InterleavedZb(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_INTERLEAVED_ZB_H_
