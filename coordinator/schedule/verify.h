#ifndef COORDINATOR_SCHEDULE_VERIFY_H_
#define COORDINATOR_SCHEDULE_VERIFY_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/schedule/schedule.h"
#include "proto/plan.h"

namespace penstock {

// Proves a compute-only schedule: each (stage, micro-batch) has exactly one F
// and either one B or one I and later one W, on the rank that owns the stage;
// nothing else; and ranks that each execute their program in order, waiting for
// their inputs, all come to the end.
//
// Errors:
//   InvalidArgument: the first action that is wrong, what is missing, or the
//     shortest cycle of ranks that wait for each other, each with its action.
absl::Status VerifyCompute(const Schedule& schedule);

// Proves a lowered schedule: as above, and every transfer between ranks is
// posted, sent once and received once, by the right ranks, in an order that
// terminates even when a send blocks until its buffer is posted and each
// directed edge between two ranks has one credit, i.e. a post blocks while the
// edge's last posted buffer is empty. REDUCE_GRAD and REDUCE_TIED come after
// the last backward action of their stage, OPTIMIZER is last.
//
// Returns the peak numbers of buffers, per rank and stage it owns, as described
// at StageBuffers. A SEND ends with the next compute action of its rank at the
// earliest, so that the tensor travels meanwhile. The input of a stage whose
// stage before is on the same rank counts from that stage's F, the gradient of
// its output likewise.
//
// Errors: as above.
absl::StatusOr<std::vector<std::vector<StageBuffers>>> VerifyLowered(
    const Schedule& schedule);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_VERIFY_H_
