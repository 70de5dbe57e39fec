#ifndef COORDINATOR_SCHEDULE_LOOPED_BFS_H_
#define COORDINATOR_SCHEDULE_LOOPED_BFS_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// Breadth-first (Lamy-Poirier 2023): on a loop of V stages per rank, every
// stage in turn passes all micro-batches forward, then, from the last stage to
// the first, backward, the last micro-batch first, as PyTorch's
// ScheduleLoopedBFS does. Each stage's weights are needed once per direction,
// which suits weights that are sharded over replicas.
//
// Bubble (P - 1)(F + B) / V; holds M V activations per rank.
absl::StatusOr<Schedule> LoopedBfs(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_LOOPED_BFS_H_
