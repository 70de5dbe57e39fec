#include "coordinator/schedule/v_1f1b.h"

#include "coordinator/schedule/fused_wave.h"

namespace penstock {

absl::StatusOr<Schedule> V1F1B(const ScheduleRequest& request) {
  return FusedWave({.ranks = request.ranks,
                    .stages_per_rank = 2,
                    .microbatches = request.microbatches});
}

}  // namespace penstock
