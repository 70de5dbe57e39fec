#ifndef COORDINATOR_PLANNER_REVISION_OBSTACLE_H_
#define COORDINATOR_PLANNER_REVISION_OBSTACLE_H_

#include <string>

#include "proto/plan.h"

namespace penstock {

// Why a running job keeps its plan whatever its steps measure, for people:
// "the job names its schedule"; empty if nothing speaks against another.
std::string RevisionObstacle(const Plan& plan);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_REVISION_OBSTACLE_H_
