#include "coordinator/schedule/gpipe_lifo.h"

#include <algorithm>

#include "coordinator/schedule/gpipe.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<Schedule> GPipeLifo(const ScheduleRequest& request) {
  ASSIGN_OR_RETURN(Schedule schedule, GPipe(request));
  for (std::vector<Action>& program : schedule.programs) {
    std::reverse(program.begin() + request.microbatches, program.end());
  }
  return schedule;
}

}  // namespace penstock
