#ifndef COORDINATOR_SCHEDULE_DUALPIPEV_H_
#define COORDINATOR_SCHEDULE_DUALPIPEV_H_

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// DualPipeV (DeepSeek 2025, "cut in half" by Qi et al.): the steps of DualPipe
// on a V of two stages per rank, F of one stage beside B of the other as one
// compound action. Equal to PyTorch's ScheduleDualPipeV.
//
// Holds 2 P + 1 activations of half a rank's layers; no second copy of the
// weights. First and last stage are on rank 0.
//
// Errors:
//   InvalidArgument: M < 2 P.
absl::StatusOr<Schedule> DualPipeV(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_DUALPIPEV_H_
