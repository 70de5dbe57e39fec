#ifndef COORDINATOR_SERVICE_PLAN_MAKER_H_
#define COORDINATOR_SERVICE_PLAN_MAKER_H_

#include <string>

#include "coordinator/core/coordinator.h"

namespace penstock {

// The planner as the core calls it, with what only the shell knows added: the
// job's checkpoint directory below `checkpoint_directory`, and the step of the
// checkpoint that the job resumes from, read from its manifest (one small file,
// the only I/O).
PlanMaker MakePlanMaker(std::string checkpoint_directory);

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_PLAN_MAKER_H_
