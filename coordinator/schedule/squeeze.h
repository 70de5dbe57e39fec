#ifndef COORDINATOR_SCHEDULE_SQUEEZE_H_
#define COORDINATOR_SCHEDULE_SQUEEZE_H_

#include <vector>

#include "coordinator/schedule/insert_weights.h"
#include "coordinator/schedule/pipeline_instance.h"

namespace penstock {

// Moves every action of `schedule` as early as its inputs and the memory of its
// rank allow, in the order of their starts, into gaps that are long enough for
// it (Qi et al. 2024, "Pipeline Parallelism with Controllable Memory"). Returns
// the F's and I's of each rank in their order after that.
//
// Links are as if they carried everything at once. Without W's an activation
// counts until the end of its I.
std::vector<std::vector<Action>> Squeeze(const PipelineInstance& instance,
                                         const TimedSchedule& schedule);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SQUEEZE_H_
