#ifndef COORDINATOR_SCHEDULE_ZBV_H_
#define COORDINATOR_SCHEDULE_ZBV_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// ZBV (Qi et al. 2024, "Pipeline parallelism with controllable memory"), the
// list that its authors and PyTorch's ScheduleZBVZeroBubble have: on a V of two
// stages per rank, backward split into I and W.
//
// No bubble in the span of a rank when F = I = W; holds 2 P activations of half
// a rank's layers, as 1F1B's first rank does. First and last stage are on rank
// 0. It is made for M >= 2 P - 1; for fewer, the micro-batches beyond M are
// left out.
absl::StatusOr<Schedule> Zbv(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_ZBV_H_
