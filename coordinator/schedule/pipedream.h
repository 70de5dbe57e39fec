#ifndef COORDINATOR_SCHEDULE_PIPEDREAM_H_
#define COORDINATOR_SCHEDULE_PIPEDREAM_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// PipeDream (Narayanan et al. 2019): 1F1B without a flush, each micro-batch a
// mini-batch of its own, the weights of a stage updated after each of its B.
// The request's micro-batches are one window of mini-batches, filled and
// drained within the step.
//
// Weight stashing: F of mini-batch j on rank r uses the stage's newest version,
// max(0, j - (P - 1 - r)), and B uses the same; the rank keeps P - r versions.
// Vertical sync: every rank uses the version that the first one had,
// max(0, j - (P - 1)).
//
// Errors:
//   InvalidArgument: more mini-batches than an action can name versions.
absl::StatusOr<Schedule> PipeDream(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_PIPEDREAM_H_
