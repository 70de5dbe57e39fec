#ifndef COORDINATOR_SCHEDULE_DUALPIPE_H_
#define COORDINATOR_SCHEDULE_DUALPIPE_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// DualPipe (DeepSeek-V3 technical report, 2024), as its published step()
// executes it: two pipelines in opposite directions over the same ranks, each
// with its own copy of the weights and half of the micro-batches, and F of one
// beside B of the other as one compound action. The steps are those of
// dual_pipe_steps.h.
//
// Holds P + 1 activations per rank; weights twice. Weight gradients are summed
// per copy, then over the copies.
//
// Errors:
//   InvalidArgument: the ranks or the micro-batches are odd, or M < 2 P.
absl::StatusOr<Schedule> DualPipe(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_DUALPIPE_H_
