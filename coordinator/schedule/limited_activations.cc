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

Schedule LimitedActivations(const ScheduleRequest& request,
                            const std::function<int(int stage)>& limit) {
  PENSTOCK_CHECK(request.ranks >= 1 && request.microbatches >= 1);
  Schedule schedule{.microbatches = request.microbatches};
  schedule.programs.reserve(static_cast<size_t>(request.ranks));
  for (int stage = 0; stage < request.ranks; ++stage) {
    schedule.rank_of_stage.push_back(stage);
    schedule.programs.push_back(
        StageProgram(stage, request.microbatches, limit(stage)));
  }
  return schedule;
}

}  // namespace penstock
