#include "coordinator/schedule/count_buffers.h"

#include "coordinator/schedule/buffer_use.h"

namespace penstock {

std::vector<std::vector<StageBuffers>> CountBuffers(const Schedule& schedule) {
  BufferUse use(schedule, {});
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    const std::vector<Action>& program = schedule.programs[rank];
    use.Begin(rank);
    for (size_t i = 0; i < program.size();) i += use.Execute(&program[i]);
  }
  std::vector<std::vector<StageBuffers>> buffers(schedule.programs.size());
  for (int stage = 0; stage < schedule.stages(); ++stage) {
    buffers[schedule.rank_of_stage[stage]].push_back(use.Peaks(stage));
  }
  return buffers;
}

}  // namespace penstock
