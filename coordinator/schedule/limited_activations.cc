#include "coordinator/schedule/limited_activations.h"

#include <algorithm>

#include "proto/base/check.h"

namespace penstock {
namespace {

std::vector<Action> StageProgram(int stage, int microbatches, int limit) {
  std::vector<Action> program;
  program.reserve(2 * static_cast<size_t>(microbatches));
  int forward = 0;
  for (int backward = 0; backward < microbatches; ++backward) {
    const int forward_end = backward + std::min(limit, microbatches - backward);
    while (forward < forward_end) {
      program.push_back({stage, ActionKind::kForward, forward++});
    }
    program.push_back({stage, ActionKind::kBackward, backward});
  }
  return program;
}

}  // namespace

Schedule LimitedActivations(const PipelineShape& shape,
                            const std::function<int(int stage)>& limit) {
  PENSTOCK_CHECK(shape.stages >= 1 && shape.microbatches >= 1);
  Schedule schedule{.microbatches = shape.microbatches};
  for (int stage = 0; stage < shape.stages; ++stage) {
    schedule.rank_of_stage.push_back(stage);
    schedule.programs.push_back(
        StageProgram(stage, shape.microbatches, limit(stage)));
  }
  return schedule;
}

}  // namespace penstock
