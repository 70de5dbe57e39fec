#include "coordinator/schedule/zbv.h"

#include <algorithm>
#include <utility>

#include "coordinator/schedule/placement.h"
#include "coordinator/schedule/program_writer.h"

namespace penstock {

namespace {

enum Lane { kDown = 0, kUp = 1 };

void Drain(ProgramWriter& writer, int lane, int microbatches) {
  for (int i = 0; i < microbatches; ++i) writer.WeightGradient(lane);
}

std::vector<Action> RankProgram(int ranks, int rank, int microbatches) {
  ProgramWriter writer({{rank, 0}, {2 * ranks - 1 - rank, 0}}, microbatches,
                       size_t{6} * microbatches);
  const int after = ranks - rank;  // Ranks from this one to the turn.
  const auto up = [&] {
    writer.Forward(kUp);
    writer.InputGradient(kUp);
    writer.WeightGradient(kUp);
  };
  for (int i = 0; i < 2 * after - 1; ++i) writer.Forward(kDown);
  for (int i = 0; i < rank; ++i) {
    writer.Forward(kUp);
    writer.Forward(kDown);
  }
  for (int i = 0; i < after; ++i) up();
  const int whole = std::max(2 * ranks - 1, microbatches);
  while (writer.forwards(kUp) < writer.forwards(kDown) ||
         writer.forwards(kDown) < whole) {
    if (writer.forwards(kDown) < whole) writer.Forward(kDown);
    writer.InputGradient(kDown);
    writer.WeightGradient(kDown);
    up();
  }
  for (int i = 0; i < rank; ++i) {
    writer.InputGradient(kDown);
    writer.InputGradient(kUp);
  }
  for (int i = 0; i < after; ++i) {
    writer.InputGradient(kDown);
    writer.WeightGradient(kDown);
  }
  Drain(writer, kUp, rank);
  Drain(writer, kDown, rank);
  return std::move(writer).Take();
}

}  // namespace

absl::StatusOr<Schedule> Zbv(const ScheduleRequest& request) {
  Schedule schedule{
      .microbatches = request.microbatches,
      .rank_of_stage = RankOfStage(Placement::kWave, request.ranks, 2)};
  for (int rank = 0; rank < request.ranks; ++rank) {
    schedule.programs.push_back(
        RankProgram(request.ranks, rank, request.microbatches));
  }
  return schedule;
}

}  // namespace penstock
