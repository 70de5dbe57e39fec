#include "coordinator/schedule/pipedream.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "coordinator/schedule/add_updates.h"
#include "coordinator/schedule/legal_value.h"
#include "coordinator/schedule/one_forward_one_backward.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<Schedule> PipeDream(const ScheduleRequest& request) {
  RETURN_IF_ERROR(
      RequireLegal("pipedream", "microbatches", request.microbatches,
                   "at most 32768", [](int value) {
                     return value - 1 <= std::numeric_limits<int16_t>::max();
                   }));
  ASSIGN_OR_RETURN(const Schedule schedule, OneForwardOneBackward(request));
  return AddUpdates(schedule, /*every=*/1, [&](int stage, int microbatch) {
    const int delay = request.ranks - 1 - (request.vertical_sync ? 0 : stage);
    return std::max(0, microbatch - delay);
  });
}

}  // namespace penstock
