#ifndef COORDINATOR_SCHEDULE_WELL_FORMED_H_
#define COORDINATOR_SCHEDULE_WELL_FORMED_H_

#include "absl/status/status.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

enum class ScheduleForm { kComputeOnly, kLowered };

// The part of VerifyCompute and VerifyLowered that needs no execution: every
// action that must be there is there once, on its rank, and nothing else is;
// reductions and OPTIMIZER come after what they need.
//
// Errors:
//   InvalidArgument: the first action that is wrong or missing.
absl::Status CheckWellFormed(const Schedule& schedule, ScheduleForm form);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_WELL_FORMED_H_
