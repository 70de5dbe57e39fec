#ifndef COORDINATOR_SCHEDULE_ZB_H1_H_
#define COORDINATOR_SCHEDULE_ZB_H1_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// ZB-H1 (Qi et al. 2024, section 3.1, there "handcrafted schedule 1"): 1F1B
// with backward split into I and W. Rank r warms up with P - 1 - r forwards,
// then runs F, I and, delayed by r micro-batches, W: gradients reach rank 0
// early and W fills the end.
//
// Bubble (P - 1)(F + I - W); holds min(M, P) activations on every rank.
absl::StatusOr<Schedule> ZbH1(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_ZB_H1_H_
