#include "coordinator/schedule/merge_backward.h"

namespace penstock {
namespace {

bool IsSplit(const Action& first, const Action& second) {
  Action weight = first;
  weight.kind = ActionKind::kBackwardWeight;
  return first.kind == ActionKind::kBackwardInput && second == weight;
}

}  // namespace

Schedule MergeBackward(const Schedule& schedule) {
  Schedule merged = schedule;
  for (std::vector<Action>& program : merged.programs) {
    size_t size = 0;
    for (const Action& action : program) {
      if (size > 0 && IsSplit(program[size - 1], action)) {
        program[size - 1].kind = ActionKind::kBackward;
      } else {
        program[size++] = action;
      }
    }
    program.resize(size);
  }
  return merged;
}

}  // namespace penstock
