#include "coordinator/schedule/one_forward_one_backward.h"

#include "coordinator/schedule/limited_activations.h"

namespace penstock {

Schedule OneForwardOneBackward(const ScheduleRequest& request) {
  return LimitedActivations(
      request, [stages = request.ranks](int stage) { return stages - stage; });
}

}  // namespace penstock
