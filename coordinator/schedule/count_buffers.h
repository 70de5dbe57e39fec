#ifndef COORDINATOR_SCHEDULE_COUNT_BUFFERS_H_
#define COORDINATOR_SCHEDULE_COUNT_BUFFERS_H_

#include <vector>

#include "coordinator/schedule/schedule.h"
#include "proto/plan.h"

namespace penstock {

// The peak numbers of buffers of each stage, per rank and in the order of its
// stages; see VerifyLowered for what counts how long. Requires a lowered
// schedule that is well-formed: every buffer that is given back was taken.
std::vector<std::vector<StageBuffers>> CountBuffers(const Schedule& schedule);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_COUNT_BUFFERS_H_
