#include "coordinator/schedule/seq1f1b.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "coordinator/schedule/legal_value.h"
#include "coordinator/schedule/placement.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<Schedule> Seq1F1B(const ScheduleRequest& request) {
  const int pieces = request.pieces == 0 ? 2 : request.pieces;
  RETURN_IF_ERROR(RequireLegal(
      "seq1f1b", "pieces", pieces, "at most 127",
      [](int value) { return value <= std::numeric_limits<int8_t>::max(); }));
  Schedule schedule{
      .microbatches = request.microbatches,
      .rank_of_stage = RankOfStage(Placement::kLoop, request.ranks, 1),
      .pieces = pieces};
  const int64_t size = int64_t{request.microbatches} * pieces;
  const auto action = [&](int stage, ActionKind kind, int64_t index) {
    const int place = static_cast<int>(index % pieces);
    const int piece = kind == ActionKind::kForward ? place : pieces - 1 - place;
    return Action{.stage = stage,
                  .kind = kind,
                  .microbatch = static_cast<int>(index / pieces),
                  .piece = static_cast<int8_t>(pieces == 1 ? -1 : piece)};
  };
  for (int rank = 0; rank < request.ranks; ++rank) {
    std::vector<Action>& program = schedule.programs.emplace_back();
    program.reserve(static_cast<size_t>(2 * size));
    int64_t forward = 0;
    const int64_t warm_up = request.ranks - 2 - rank + pieces;
    for (int64_t backward = 0; backward < size; ++backward) {
      while (forward < std::min(size, backward + warm_up + 1)) {
        program.push_back(action(rank, ActionKind::kForward, forward++));
      }
      program.push_back(action(rank, ActionKind::kBackward, backward));
    }
  }
  return schedule;
}

}  // namespace penstock
