#include "coordinator/schedule/gpipe.h"

#include "coordinator/schedule/limited_activations.h"

namespace penstock {

absl::StatusOr<Schedule> GPipe(const ScheduleRequest& request) {
  return LimitedActivations(request, [microbatches = request.microbatches](
                                         int) { return microbatches; });
}

}  // namespace penstock
