#ifndef COORDINATOR_SERVICE_PLANNED_TRACE_H_
#define COORDINATOR_SERVICE_PLANNED_TRACE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "proto/metrics.h"
#include "proto/plan.h"

namespace penstock {

// The step as the plan foresees it, one trace for each rank of one pipeline:
// the plan's programs simulated with the plan's times. `step` is 0.
//
// Errors:
//   InvalidArgument: the plan's programs cannot be executed.
absl::StatusOr<std::vector<StepTrace>> PlannedTrace(const Plan& plan);

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_PLANNED_TRACE_H_
