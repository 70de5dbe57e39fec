#ifndef COORDINATOR_SCHEDULE_ADD_UPDATES_H_
#define COORDINATOR_SCHEDULE_ADD_UPDATES_H_

#include <functional>

#include "coordinator/schedule/schedule.h"

namespace penstock {

// `schedule` of F and B with versions of the weights: each F and B has
// `version(stage, microbatch)`, which must fit into Action::version, and after
// each `every`-th B of a stage comes the UPDATE that makes the next version.
Schedule AddUpdates(
    const Schedule& schedule, int every,
    const std::function<int(int stage, int microbatch)>& version);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_ADD_UPDATES_H_
