#include "coordinator/schedule/bubble.h"

#include <algorithm>
#include <limits>

#include "coordinator/schedule/dependencies.h"

namespace penstock {
namespace {

bool IsInputBackward(ActionKind kind) {
  return kind == ActionKind::kBackward || kind == ActionKind::kBackwardInput;
}

// Walks one program from its end and knows when the first of the actions behind
// could have begun.
class LaterActions {
 public:
  LaterActions(const Topology& topology, const Arrivals& arrivals,
               const std::vector<Action>& program)
      : topology_(topology),
        arrivals_(arrivals),
        program_(program),
        begin_(program.size()) {}

  // When the first action behind the one at `index` could have begun; infinite
  // if none could. Indices of successive calls must decrease.
  double Earliest(size_t index) {
    const size_t end = index + (program_[index].overlaps_next ? 2 : 1);
    while (begin_ > end) Add(program_[--begin_]);
    // The W of an I that has not begun is not ready, either.
    const int waiting = program_[index].kind == ActionKind::kBackwardInput;
    return split_ > waiting ? 0 : earliest_;
  }

 private:
  void Add(const Action& action) {
    if (action.kind == ActionKind::kBackwardWeight) {
      ++split_;
    } else if (action.kind == ActionKind::kForward ||
               IsInputBackward(action.kind)) {
      if (action.kind == ActionKind::kBackwardInput) --split_;
      earliest_ = std::min(earliest_, Ready(action));
    }
  }

  double Ready(const Action& action) const {
    const size_t cell = topology_.Cell(action);
    switch (InputOf(topology_[action.stage], action.kind)) {
      case InputFrom::kBefore:
        return arrivals_.forward[topology_.CellBefore(cell)];
      case InputFrom::kAfter:
        return arrivals_.backward[topology_.CellAfter(cell)];
      case InputFrom::kNowhere:
        break;
    }
    return action.kind == ActionKind::kForward ? 0 : arrivals_.forward[cell];
  }

  const Topology& topology_;
  const Arrivals& arrivals_;
  const std::vector<Action>& program_;
  size_t begin_;  // The actions from here on have been added.
  double earliest_ = std::numeric_limits<double>::infinity();
  int split_ = 0;  // Ws behind, less Is behind.
};

}  // namespace

BubbleCauses ExplainWaits(const Schedule& schedule, const Topology& topology,
                          const Arrivals& arrivals, int rank,
                          const std::vector<Wait>& waits) {
  const std::vector<Action>& program = schedule.programs[rank];
  size_t first_backward = program.size();
  size_t last_forward = 0;
  for (size_t i = 0; i < program.size(); ++i) {
    if (IsInputBackward(program[i].kind)) {
      first_backward = std::min(first_backward, i);
    } else if (program[i].kind == ActionKind::kForward) {
      last_forward = i;
    }
  }
  BubbleCauses causes;
  LaterActions later(topology, arrivals, program);
  for (auto wait = waits.rbegin(); wait != waits.rend(); ++wait) {
    const double made = std::clamp(wait->made, wait->begin, wait->end);
    causes.latency += wait->end - made;
    if (wait->index <= first_backward) {
      causes.fill += made - wait->begin;
      continue;
    }
    const double idle_choice =
        std::clamp(later.Earliest(wait->index), wait->begin, made);
    causes.memory += made - idle_choice;
    (wait->index > last_forward ? causes.drain : causes.imbalance) +=
        idle_choice - wait->begin;
  }
  return causes;
}

}  // namespace penstock
