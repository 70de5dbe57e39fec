#ifndef COORDINATOR_SCHEDULE_ZB_H2_H_
#define COORDINATOR_SCHEDULE_ZB_H2_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// ZB-H2 (Qi et al. 2024, section 3.1, there "handcrafted schedule 2"): rank r
// warms up with 2 (P - 1 - r) + 1 forwards, then runs I, W, delayed by 2 r
// micro-batches, and F.
//
// The span of each rank has no bubble when F = I = W and M >= 2 P - 1; the
// makespan keeps (P - 1) F, unless the next step's forwards may begin before
// this step's last update. Holds min(M, 2 P - 1) activations on every rank.
absl::StatusOr<Schedule> ZbH2(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_ZB_H2_H_
