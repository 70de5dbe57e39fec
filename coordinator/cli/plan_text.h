#ifndef COORDINATOR_CLI_PLAN_TEXT_H_
#define COORDINATOR_CLI_PLAN_TEXT_H_

#include <string>

#include "proto/v1/job.pb.h"

namespace penstock {

// The plan of `job` for a person: stages with their layers, bytes per worker,
// and what is predicted of a step. Lines of at most `width` columns where the
// figures allow.
std::string PlanText(const v1::Job& job, int width);

}  // namespace penstock

#endif  // COORDINATOR_CLI_PLAN_TEXT_H_
