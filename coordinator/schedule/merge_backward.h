#ifndef COORDINATOR_SCHEDULE_MERGE_BACKWARD_H_
#define COORDINATOR_SCHEDULE_MERGE_BACKWARD_H_

#include "coordinator/schedule/schedule.h"

namespace penstock {

// Makes one B of each I that is followed at once by the W of the same
// micro-batch and piece, as torch.distributed.pipelining does: one pass
// through the layers needs no deferred memory, and lets kernels join.
Schedule MergeBackward(const Schedule& schedule);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_MERGE_BACKWARD_H_
