#include "coordinator/schedule/hanayo.h"

#include "coordinator/schedule/fused_wave.h"
#include "coordinator/schedule/legal_value.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<Schedule> Hanayo(const ScheduleRequest& request) {
  const int stages_per_rank =
      request.stages_per_rank == 0 ? 2 : request.stages_per_rank;
  RETURN_IF_ERROR(RequireLegal("hanayo", "stages_per_rank", stages_per_rank,
                               "even",
                               [](int value) { return value % 2 == 0; }));
  // One wave is V-1F1B, which holds the least; several stay within 1F1B.
  const int activations_max =
      stages_per_rank == 2 ? 0 : stages_per_rank * request.ranks;
  return FusedWave({.ranks = request.ranks,
                    .stages_per_rank = stages_per_rank,
                    .microbatches = request.microbatches,
                    .activations_max = activations_max});
}

}  // namespace penstock
