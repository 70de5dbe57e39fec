#include "coordinator/schedule/dualpipe.h"

#include <algorithm>
#include <utility>

#include "coordinator/schedule/dual_pipe_steps.h"
#include "coordinator/schedule/legal_value.h"
#include "coordinator/schedule/placement.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<Schedule> DualPipe(const ScheduleRequest& request) {
  const int ranks = request.ranks;
  RETURN_IF_ERROR(RequireLegal("dualpipe", "ranks", ranks, "even",
                               [](int value) { return value % 2 == 0; }));
  RETURN_IF_ERROR(RequireLegal(
      "dualpipe", "microbatches", request.microbatches,
      fmt::format("even and at least twice the {} ranks", ranks),
      [&](int value) { return value % 2 == 0 && value / 2 >= ranks; }));
  Schedule schedule{
      .microbatches = request.microbatches,
      .rank_of_stage = RankOfStage(Placement::kBidirectional, ranks, 2),
      .copies = 2};
  const int microbatches = schedule.microbatches_per_copy();
  for (int rank = 0; rank < ranks; ++rank) {
    const int opposite = ranks - 1 - rank;
    ProgramWriter::Lane near{rank, 0};
    ProgramWriter::Lane far{ranks + opposite, microbatches};
    if (opposite < rank) std::swap(near, far);
    schedule.programs.push_back(DualPipeSteps(
        near, far, microbatches, ranks / 2, std::min(rank, opposite)));
  }
  return schedule;
}

}  // namespace penstock
