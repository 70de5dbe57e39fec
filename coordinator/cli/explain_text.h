#ifndef COORDINATOR_CLI_EXPLAIN_TEXT_H_
#define COORDINATOR_CLI_EXPLAIN_TEXT_H_

#include <string>

#include "coordinator/planner/explain.h"
#include "proto/plan.h"
#include "proto/v1/job.pb.h"

namespace penstock {

using PlanRevisionMessages =
    google::protobuf::RepeatedPtrField<v1::PlanRevision>;

// What `job explain` prints of `plan`: where each rank's time goes and what
// each stage takes, planned and measured below each other, how the plan came to
// be what it is or why it stays, and the advice.
std::string ExplanationText(const Plan& plan, const Explanation& explanation,
                            const PlanRevisionMessages& revisions, int width);

// The same as JSON; times in seconds, shares of the step.
std::string ExplanationJson(const Plan& plan, const Explanation& explanation,
                            const PlanRevisionMessages& revisions,
                            bool indented);

}  // namespace penstock

#endif  // COORDINATOR_CLI_EXPLAIN_TEXT_H_
