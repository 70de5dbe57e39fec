#include "coordinator/schedule/dualpipev.h"

#include "coordinator/schedule/dual_pipe_steps.h"
#include "coordinator/schedule/legal_value.h"
#include "coordinator/schedule/placement.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<Schedule> DualPipeV(const ScheduleRequest& request) {
  const int ranks = request.ranks;
  RETURN_IF_ERROR(
      RequireLegal("dualpipev", "microbatches", request.microbatches,
                   fmt::format("at least twice the {} ranks", ranks),
                   [&](int value) { return value / 2 >= ranks; }));
  Schedule schedule{.microbatches = request.microbatches,
                    .rank_of_stage = RankOfStage(Placement::kWave, ranks, 2)};
  for (int rank = 0; rank < ranks; ++rank) {
    schedule.programs.push_back(
        DualPipeSteps({rank, 0}, {2 * ranks - 1 - rank, 0},
                      request.microbatches, ranks, rank));
  }
  return schedule;
}

}  // namespace penstock
