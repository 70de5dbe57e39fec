#ifndef COORDINATOR_SCHEDULE_COUNT_BUFFERS_H_
#define COORDINATOR_SCHEDULE_COUNT_BUFFERS_H_

#include <vector>

#include "coordinator/schedule/schedule.h"
#include "proto/plan.h"

namespace penstock {

// The peak numbers of buffers of each stage of `rank`, in the order of the
// stages; see VerifyLowered for what counts how long. Requires the programs to
// be well-formed: every buffer that is given back was taken.
std::vector<StageBuffers> CountBuffers(const Schedule& schedule, int rank);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_COUNT_BUFFERS_H_
