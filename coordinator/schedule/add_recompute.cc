#include "coordinator/schedule/add_recompute.h"

#include <utility>

namespace penstock {
namespace {

bool IsBackward(const Action& action) {
  return action.kind == ActionKind::kBackward ||
         action.kind == ActionKind::kBackwardInput;
}

bool IsForwardOf(const Action& forward, const Action& backward) {
  return forward.kind == ActionKind::kForward &&
         forward.stage == backward.stage &&
         forward.microbatch == backward.microbatch &&
         forward.piece == backward.piece;
}

std::vector<Action> WithRecompute(const std::vector<Action>& program,
                                  const RecomputePolicy& which) {
  std::vector<Action> result;
  result.reserve(program.size() + program.size() / 2);
  for (size_t i = 0; i < program.size(); ++i) {
    const bool joined = i > 0 && program[i - 1].overlaps_next;
    if (IsBackward(program[i]) &&
        which(program[i].stage, program[i].microbatch) &&
        (i == 0 || !IsForwardOf(program[i - 1], program[i]))) {
      Action recompute = program[i];
      recompute.kind = ActionKind::kRecompute;
      recompute.overlaps_next = false;
      result.insert(result.end() - (joined ? 1 : 0), recompute);
    }
    result.push_back(program[i]);
  }
  return result;
}

}  // namespace

Schedule AddRecompute(Schedule schedule, const RecomputePolicy& which) {
  for (std::vector<Action>& program : schedule.programs) {
    program = WithRecompute(program, which);
  }
  return schedule;
}

RecomputePolicy RecomputeAlways() {
  return [](int, int) { return true; };
}

RecomputePolicy RecomputeAllButLast(const Schedule& schedule) {
  return [count = schedule.microbatches_per_copy()](int, int microbatch) {
    return (microbatch + 1) % count != 0;
  };
}

RecomputePolicy RecomputeStages(std::vector<bool> stages) {
  return [stages = std::move(stages)](int stage, int) {
    return static_cast<bool>(stages[stage]);
  };
}

}  // namespace penstock
