#ifndef COORDINATOR_SCHEDULE_LOWER_H_
#define COORDINATOR_SCHEDULE_LOWER_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

struct LowerOptions {
  bool reduce_gradients = false;  // There are several replicas.
  bool reduce_tied = false;       // First and last stage share a weight.
};

// Adds to a compute-only schedule what its executors need besides:
//   SEND_F and SEND_B right after the action that makes the tensor, or after
//     the compound action;
//   RECV_F and RECV_B, which post a buffer and do not wait, at least one action
//     of the sender's before the tensor exists, so that it travels at once;
//   REDUCE_GRAD of a stage right after its last backward action;
//   REDUCE_COPY of a slice's copies, once all of them have their REDUCE_GRAD,
//     in the same order on all ranks;
//   REDUCE_TIED of the first and the last stage of each copy, after all those,
//     in the order of the stages;
//   OPTIMIZER, last.
// A transfer names the piece and the weight version of the action that makes
// its tensor. Compound actions stay together.
//
// All programs are walked together, in rounds in which every rank that can does
// one compute action, or compound one. What round t sends is posted by its
// receiver before that receiver's own action of round t. So the result also
// terminates when a send blocks until its buffer is posted and an edge between
// two ranks has only one credit: post, compute, send of all rounds in order is
// such an execution. When a compound action makes two tensors for one rank, the
// buffer for the second is posted after the sends of the round, and sent last.
// At most one buffer more is posted than the receiver had in use anyway.
//
// Linear in the number of actions.
//
// Errors:
//   InvalidArgument: `schedule` is not a complete, deadlock-free compute-only
//     schedule (see Verify), or has UPDATEs and is to be summed over replicas
//     or tied stages.
absl::StatusOr<Schedule> Lower(const Schedule& schedule,
                               const LowerOptions& options);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_LOWER_H_
