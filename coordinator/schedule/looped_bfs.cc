#include "coordinator/schedule/looped_bfs.h"

#include "coordinator/schedule/placement.h"

namespace penstock {

absl::StatusOr<Schedule> LoopedBfs(const ScheduleRequest& request) {
  const int ranks = request.ranks;
  const int stages_per_rank =
      request.stages_per_rank == 0 ? 2 : request.stages_per_rank;
  Schedule schedule{
      .microbatches = request.microbatches,
      .rank_of_stage = RankOfStage(Placement::kLoop, ranks, stages_per_rank),
      .programs = std::vector<std::vector<Action>>(ranks)};
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<Action>& program = schedule.programs[rank];
    program.reserve(size_t{2} * stages_per_rank * request.microbatches);
    for (int round = 0; round < stages_per_rank; ++round) {
      for (int i = 0; i < request.microbatches; ++i) {
        program.push_back({round * ranks + rank, ActionKind::kForward, i});
      }
    }
    for (int round = stages_per_rank; round-- > 0;) {
      for (int i = request.microbatches; i-- > 0;) {
        program.push_back({round * ranks + rank, ActionKind::kBackward, i});
      }
    }
  }
  return schedule;
}

}  // namespace penstock
