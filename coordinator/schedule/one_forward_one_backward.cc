#include "coordinator/schedule/one_forward_one_backward.h"

#include "coordinator/schedule/limited_activations.h"

namespace penstock {

absl::StatusOr<Schedule> OneForwardOneBackward(const ScheduleRequest& request) {
  return LimitedActivations(
      request, [ranks = request.ranks](int rank) { return ranks - rank; });
}

}  // namespace penstock
