#include "coordinator/schedule/add_updates.h"

#include <cstdint>

#include "proto/base/check.h"

namespace penstock {

Schedule AddUpdates(
    const Schedule& schedule, int every,
    const std::function<int(int stage, int microbatch)>& version) {
  PENSTOCK_CHECK(every >= 1);
  Schedule result = schedule;
  std::vector<int> backwards(schedule.rank_of_stage.size());
  for (std::vector<Action>& program : result.programs) {
    std::vector<Action> actions;
    actions.reserve(program.size() + program.size() / (2 * every) + 1);
    for (Action action : program) {
      action.version =
          static_cast<int16_t>(version(action.stage, action.microbatch));
      actions.push_back(action);
      if (action.kind != ActionKind::kBackward) continue;
      const int done = ++backwards[action.stage];
      if (done % every != 0) continue;
      actions.push_back({action.stage, ActionKind::kUpdate, done / every});
    }
    program = std::move(actions);
  }
  return result;
}

}  // namespace penstock
