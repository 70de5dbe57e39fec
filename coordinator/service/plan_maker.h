#ifndef COORDINATOR_SERVICE_PLAN_MAKER_H_
#define COORDINATOR_SERVICE_PLAN_MAKER_H_

#include <cstddef>
#include <string>

#include "coordinator/core/coordinator.h"

namespace penstock {

// Of a plan as it is sent. A worker is told one for each of its devices, in one
// message of at most kReceivedBytesMax (channel.h).
inline constexpr size_t kPlanBytesMax = 3 << 20;

// The planner as the core calls it, with what only the shell knows added: the
// job's checkpoint directory below `checkpoint_directory`, and where the job
// starts. That is the newest complete checkpoint in its directory once it has
// reported one, else that reported, else spec.checkpoint.resume_from. The only
// I/O: it lists that directory and reads manifests, no tensors.
//
// Errors, besides the planner's: those of ReadManifest and ListCheckpoints.
//   InvalidArgument: the plan would have more than kPlanBytesMax.
PlanMaker MakePlanMaker(std::string checkpoint_directory);

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_PLAN_MAKER_H_
