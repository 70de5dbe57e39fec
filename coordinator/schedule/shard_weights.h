#ifndef COORDINATOR_SCHEDULE_SHARD_WEIGHTS_H_
#define COORDINATOR_SCHEDULE_SHARD_WEIGHTS_H_

#include "coordinator/schedule/schedule.h"

namespace penstock {

// Adds UNSHARD and RESHARD for weights that are sharded over replicas, by the
// rule of torch.distributed.pipelining: before each compute action, the rank
// holds the gathered weights of the next `stages_max` different stages that its
// program uses, as far as there are so many; it frees those that have left that
// window, then gathers those that have come into it, and frees the rest after
// the last one. A compound action holds its two stages in any case.
//
// Requires stages_max >= 1, and a schedule without UNSHARD and RESHARD.
Schedule ShardWeights(const Schedule& schedule, int stages_max);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SHARD_WEIGHTS_H_
