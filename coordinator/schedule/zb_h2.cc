#include "coordinator/schedule/zb_h2.h"

#include <utility>

#include "coordinator/schedule/placement.h"
#include "coordinator/schedule/program_writer.h"

namespace penstock {

absl::StatusOr<Schedule> ZbH2(const ScheduleRequest& request) {
  Schedule schedule{
      .microbatches = request.microbatches,
      .rank_of_stage = RankOfStage(Placement::kLoop, request.ranks, 1)};
  for (int rank = 0; rank < request.ranks; ++rank) {
    ProgramWriter writer({{rank, 0}}, request.microbatches,
                         size_t{3} * request.microbatches);
    for (int i = 0; i <= 2 * (request.ranks - 1 - rank); ++i) {
      writer.Forward(0);
    }
    for (int i = 0; i < request.microbatches; ++i) {
      writer.InputGradient(0);
      if (i >= 2 * rank) writer.WeightGradient(0);
      writer.Forward(0);
    }
    for (int i = 0; i < 2 * rank; ++i) writer.WeightGradient(0);
    schedule.programs.push_back(std::move(writer).Take());
  }
  return schedule;
}

}  // namespace penstock
