#ifndef COORDINATOR_SCHEDULE_WALK_H_
#define COORDINATOR_SCHEDULE_WALK_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "coordinator/schedule/schedule.h"

namespace penstock {

// Which actions of each (stage, micro-batch) have been executed: two bytes for
// the nine kinds that belong to a micro-batch.
class ActionTable {
 public:
  explicit ActionTable(const Schedule& schedule)
      : microbatches_(static_cast<size_t>(schedule.microbatches)),
        bits_(schedule.rank_of_stage.size() * microbatches_) {}

  bool Has(int stage, ActionKind kind, int microbatch) const {
    return (bits_[Index(stage, microbatch)] & Bit(kind)) != 0;
  }
  bool HasBackward(int stage, int microbatch) const {
    return Has(stage, ActionKind::kBackward, microbatch) ||
           Has(stage, ActionKind::kBackwardInput, microbatch);
  }
  void Set(const Action& action) {
    bits_[Index(action.stage, action.microbatch)] |= Bit(action.kind);
  }

 private:
  static uint16_t Bit(ActionKind kind) {
    return static_cast<uint16_t>(1 << static_cast<int>(kind));
  }
  size_t Index(int stage, int microbatch) const {
    return static_cast<size_t>(stage) * microbatches_ +
           static_cast<size_t>(microbatch);
  }

  size_t microbatches_;
  std::vector<uint16_t> bits_;
};

// Whether a tensor between `stage` and `stage` + 1 travels between ranks; false
// for the last stage, too.
inline bool CrossesRanks(const Schedule& schedule, int stage) {
  return stage >= 0 && stage + 1 < schedule.stages() &&
         schedule.rank_of_stage[stage] != schedule.rank_of_stage[stage + 1];
}

// Executes all programs against each other as far as they go, each in order.
// `execute(rank, action)` executes the next action of `rank` or returns false
// when something that it waits for has not happened yet; it is asked again
// after a neighbouring stage did something. Returns the number of actions that
// each rank has executed.
template <typename Execute>
std::vector<size_t> Walk(const Schedule& schedule, Execute execute) {
  std::vector<size_t> position(schedule.programs.size());
  std::vector<bool> queued(schedule.programs.size(), true);
  std::vector<int> queue;
  for (int rank = schedule.ranks() - 1; rank >= 0; --rank) {
    queue.push_back(rank);
  }
  const auto wake = [&](int stage) {
    if (stage < 0 || stage >= schedule.stages()) return;
    const int rank = schedule.rank_of_stage[stage];
    if (queued[rank]) return;
    queued[rank] = true;
    queue.push_back(rank);
  };
  while (!queue.empty()) {
    const int rank = queue.back();
    queue.pop_back();
    const std::vector<Action>& program = schedule.programs[rank];
    size_t& next = position[rank];
    for (; next < program.size() && execute(rank, program[next]); ++next) {
      wake(program[next].stage - 1);
      wake(program[next].stage + 1);
    }
    queued[rank] = false;
  }
  return position;
}

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_WALK_H_
