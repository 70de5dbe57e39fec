#ifndef COORDINATOR_SCHEDULE_CHIMERA_H_
#define COORDINATOR_SCHEDULE_CHIMERA_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// Chimera (Li and Hoefler 2021): two pipelines in opposite directions over the
// same ranks, each with its own copy of the weights and half of the
// micro-batches. With F and B drawn in slots of one, micro-batch i of a
// direction has F on stage s in slot s + 2 i and B in slot 2 P - 1 - s + 2 i;
// the directions meet in slots of the other parity. Each P micro-batches are
// such a unit, the next one begins 2 P slots later ("direct" concatenation).
//
// Bubble (P - 2) / (2 M + P - 2) of the makespan when F = B; weights twice.
// Weight gradients are summed per copy, then over the copies.
//
// Errors:
//   InvalidArgument: the ranks or the micro-batches are odd.
absl::StatusOr<Schedule> Chimera(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_CHIMERA_H_
