#include "coordinator/schedule/pipedream_2bw.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "coordinator/schedule/add_updates.h"
#include "coordinator/schedule/legal_value.h"
#include "coordinator/schedule/one_forward_one_backward.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<Schedule> PipeDream2Bw(const ScheduleRequest& request) {
  const int every =
      request.update_every == 0 ? request.ranks : request.update_every;
  RETURN_IF_ERROR(
      RequireLegal("pipedream-2bw", "update_every", every,
                   fmt::format("at least the {} ranks", request.ranks),
                   [&](int value) { return value >= request.ranks; }));
  const int64_t batches_max = std::numeric_limits<int16_t>::max();
  RETURN_IF_ERROR(RequireLegal(
      "pipedream-2bw", "microbatches", request.microbatches,
      fmt::format("a multiple of update_every, {}, at most {} of them", every,
                  batches_max),
      [&](int value) {
        return value % every == 0 && value / every <= batches_max;
      }));
  ASSIGN_OR_RETURN(const Schedule schedule, OneForwardOneBackward(request));
  return AddUpdates(schedule, every, [&](int, int microbatch) {
    return std::max(0, microbatch / every - 1);
  });
}

}  // namespace penstock
