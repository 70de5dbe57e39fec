#ifndef COORDINATOR_CLI_EXPLAIN_TEXT_H_
#define COORDINATOR_CLI_EXPLAIN_TEXT_H_

#include <string>

#include "coordinator/planner/explain.h"
#include "proto/plan.h"

namespace penstock {

// What `job explain` prints of `plan`: where each rank's time goes and what
// each stage takes, planned and measured below each other, and the advice.
std::string ExplanationText(const Plan& plan, const Explanation& explanation,
                            int width);

// The same as JSON; times in seconds, shares of the step.
std::string ExplanationJson(const Plan& plan, const Explanation& explanation,
                            bool indented);

}  // namespace penstock

#endif  // COORDINATOR_CLI_EXPLAIN_TEXT_H_
