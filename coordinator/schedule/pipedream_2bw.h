#ifndef COORDINATOR_SCHEDULE_PIPEDREAM_2BW_H_
#define COORDINATOR_SCHEDULE_PIPEDREAM_2BW_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// PipeDream-2BW (Narayanan et al. 2021): 1F1B without a flush over batches of
// `update_every` micro-batches, an update after each batch. Batch t uses
// version max(0, t - 1) for F and B on every rank, so that two versions are
// enough:
//
//   W(t + 1) = W(t) - rate x gradient at W(t - 1).
//
// The request's micro-batches are a window of whole batches, filled and drained
// within the step. Holds 1F1B's activations.
//
// Errors:
//   InvalidArgument: update_every < P, which would need a third version, or it
//     does not divide the micro-batches, or there are more batches than an
//     action can name versions.
absl::StatusOr<Schedule> PipeDream2Bw(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_PIPEDREAM_2BW_H_
