#include "coordinator/schedule/chimera.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "coordinator/schedule/legal_value.h"
#include "coordinator/schedule/placement.h"
#include "proto/base/status_macros.h"

namespace penstock {

namespace {

struct Slotted {
  int64_t slot;
  Action action;
};

// The F and B of one direction on one of its stages, both in slot order.
// `stage` counts within the copy.
void AppendDirection(int ranks, int copy, int stage, int microbatches,
                     std::vector<Slotted>& actions) {
  const int unit = ranks / 2;  // Micro-batches of one direction in a unit.
  for (int i = 0; i < microbatches; ++i) {
    const int64_t begin = int64_t{i / unit} * 2 * ranks + 2 * (i % unit);
    const int global = copy * ranks + stage;
    const int microbatch = copy * microbatches + i;
    actions.push_back(
        {begin + stage, {global, ActionKind::kForward, microbatch}});
    actions.push_back({begin + 2 * ranks - 1 - stage,
                       {global, ActionKind::kBackward, microbatch}});
  }
}

}  // namespace

absl::StatusOr<Schedule> Chimera(const ScheduleRequest& request) {
  const auto even = [](int value) { return value % 2 == 0; };
  const int ranks = request.ranks;
  RETURN_IF_ERROR(RequireLegal("chimera", "ranks", ranks, "even", even));
  RETURN_IF_ERROR(RequireLegal("chimera", "microbatches", request.microbatches,
                               "even", even));
  Schedule schedule{
      .microbatches = request.microbatches,
      .rank_of_stage = RankOfStage(Placement::kBidirectional, ranks, 2),
      .copies = 2};
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<Slotted> actions;
    actions.reserve(size_t{2} * request.microbatches);
    const int microbatches = schedule.microbatches_per_copy();
    AppendDirection(ranks, 0, rank, microbatches, actions);
    AppendDirection(ranks, 1, ranks - 1 - rank, microbatches, actions);
    std::sort(
        actions.begin(), actions.end(),
        [](const Slotted& a, const Slotted& b) { return a.slot < b.slot; });
    std::vector<Action>& program = schedule.programs.emplace_back();
    program.reserve(actions.size());
    for (const Slotted& slotted : actions) program.push_back(slotted.action);
  }
  return schedule;
}

}  // namespace penstock
