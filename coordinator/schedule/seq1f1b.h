#ifndef COORDINATOR_SCHEDULE_SEQ1F1B_H_
#define COORDINATOR_SCHEDULE_SEQ1F1B_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// Seq1F1B (Sun et al. 2024): 1F1B over pieces of each micro-batch's sequence.
// Forward passes take a micro-batch's pieces in order, since attention of a
// piece reads keys and values of those before; backward passes in reverse,
// since those before collect gradients from it. Rank r warms up with P - 2 - r
// + Q pieces.
//
// Bubble and activations are about 1 / Q of 1F1B's. Weight gradients are summed
// from a micro-batch's last piece to its first.
//
// Errors:
//   InvalidArgument: more pieces than an action can name.
absl::StatusOr<Schedule> Seq1F1B(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SEQ1F1B_H_
