#include "coordinator/schedule/naive.h"

#include "coordinator/schedule/limited_activations.h"

namespace penstock {

absl::StatusOr<Schedule> Naive(const ScheduleRequest& request) {
  return LimitedActivations(request, [](int) { return 1; });
}

}  // namespace penstock
