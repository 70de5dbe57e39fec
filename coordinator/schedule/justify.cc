#include "coordinator/schedule/justify.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

#include "coordinator/schedule/timeline.h"

namespace penstock {
namespace {

// Sums of activations are compared with limits; they are not exact.
constexpr double kRounding = 1e-9;

enum Kind { kF = 0, kI = 1, kW = 2, kKinds = 3 };

Kind KindOf(const Action& action) {
  if (action.kind == ActionKind::kForward) return kF;
  return action.kind == ActionKind::kBackwardInput ? kI : kW;
}

// One move of all actions, the first in its order first. Against the flow of
// time, what needs an action is what it waits for.
class Move {
 public:
  enum class Direction { kEarly, kLate };

  Move(const PipelineInstance& instance, Direction direction)
      : instance_(instance),
        late_(direction == Direction::kLate),
        held_(static_cast<size_t>(instance.ranks)),
        parked_(static_cast<size_t>(instance.ranks)),
        ends_(kKinds * Cells()),
        order_(kKinds * Cells()) {
    for (const double memory_max : instance.memory_max) {
      timelines_.emplace_back(memory_max);
    }
  }

  // The least `end` goes first, of those whose inputs are placed and whose
  // memory is there. False when that ends too soon.
  bool Run(std::vector<EndingAction> actions) {
    std::stable_sort(actions.begin(), actions.end(),
                     [](const EndingAction& a, const EndingAction& b) {
                       return a.end < b.end;
                     });
    for (size_t i = 0; i < actions.size(); ++i) {
      order_[Slot(actions[i].action)] = static_cast<int>(i);
    }
    missing_.assign(actions.size(), 0);
    for (size_t i = 0; i < actions.size(); ++i) {
      ForEachInput(actions[i].action, [&](size_t, double) { ++missing_[i]; });
      if (missing_[i] == 0) ready_.push(static_cast<int>(i));
    }
    size_t placed = 0;
    while (!ready_.empty()) {
      const int next = ready_.top();
      ready_.pop();
      placed += Place(actions[next].action, next) ? 1 : 0;
    }
    return placed == actions.size();
  }

  const std::vector<PlacedAction>& placed(int rank) const {
    return timelines_[rank].placed();
  }

 private:
  size_t Cells() const {
    return instance_.rank_of_stage.size() *
           static_cast<size_t>(instance_.microbatches);
  }
  size_t Slot(Kind kind, int stage, int microbatch) const {
    return kind * Cells() +
           static_cast<size_t>(stage) * instance_.microbatches + microbatch;
  }
  size_t Slot(const Action& action) const {
    return Slot(KindOf(action), action.stage, action.microbatch);
  }

  double HopTime(int stage) const {
    if (!instance_.Crosses(stage)) return 0;
    const Hop& hop = instance_.costs.hops[stage];
    return hop.latency + hop.occupancy;
  }

  // Calls `visit(slot, hop)` for all that `action` waits for in time.
  template <typename Visit>
  void ForEachBefore(const Action& action, const Visit& visit) const {
    const int stage = action.stage;
    const int j = action.microbatch;
    const Kind kind = KindOf(action);
    if (j > instance_.FirstMicrobatch(stage)) {
      visit(Slot(kind, stage, j - 1), 0);
    }
    if (kind == kW) {
      visit(Slot(kI, stage, j), 0);
    } else if (kind == kF) {
      if (instance_.IsFirst(stage)) return;
      visit(Slot(kF, stage - 1, j), HopTime(stage - 1));
    } else if (instance_.IsLast(stage)) {
      visit(Slot(kF, stage, j), 0);
    } else {
      visit(Slot(kI, stage + 1, j), HopTime(stage));
    }
  }

  // The same for all that waits for `action`.
  template <typename Visit>
  void ForEachAfter(const Action& action, const Visit& visit) const {
    const int stage = action.stage;
    const int j = action.microbatch;
    const Kind kind = KindOf(action);
    const int end =
        instance_.FirstMicrobatch(stage) + instance_.microbatches_per_copy();
    if (j + 1 < end) visit(Slot(kind, stage, j + 1), 0);
    if (kind == kI) {
      visit(Slot(kW, stage, j), 0);
      if (instance_.IsFirst(stage)) return;
      visit(Slot(kI, stage - 1, j), HopTime(stage - 1));
    } else if (kind == kF && instance_.IsLast(stage)) {
      visit(Slot(kI, stage, j), 0);
    } else if (kind == kF) {
      visit(Slot(kF, stage + 1, j), HopTime(stage));
    }
  }

  template <typename Visit>
  void ForEachInput(const Action& action, const Visit& visit) const {
    late_ ? ForEachAfter(action, visit) : ForEachBefore(action, visit);
  }
  template <typename Visit>
  void ForEachOutput(const Action& action, const Visit& visit) const {
    late_ ? ForEachBefore(action, visit) : ForEachAfter(action, visit);
  }

  double Change(const Action& action) const {
    const ActivationMemory& memory = instance_.memory[action.stage];
    const Kind kind = KindOf(action);
    const double change = kind == kF   ? memory.activation
                          : kind == kI ? memory.weight_input - memory.activation
                                       : -memory.weight_input;
    return late_ ? -change : change;
  }

  double TimeOf(const Action& action) const {
    const StageTimes& times = instance_.costs.stages[action.stage];
    const Kind kind = KindOf(action);
    return kind == kF   ? times.forward
           : kind == kI ? times.input_gradient
                        : times.weight_gradient;
  }

  // False when it has to wait until the rank's memory does.
  bool Place(const Action& action, int index) {
    const int rank = instance_.rank_of_stage[action.stage];
    const double change = Change(action);
    const double memory_max = instance_.memory_max[rank] * (1 + kRounding);
    if (change > 0 && held_[rank] + change > memory_max) {
      parked_[rank].push_back(index);
      return false;
    }
    double arrival = 0;
    ForEachInput(action, [&](size_t slot, double hop) {
      arrival = std::max(arrival, ends_[slot] + hop);
    });
    ends_[Slot(action)] =
        timelines_[rank].Place(action, arrival, TimeOf(action), change);
    held_[rank] += change;
    ForEachOutput(action, [&](size_t slot, double) {
      const int output = order_[slot];
      if (--missing_[output] == 0) ready_.push(output);
    });
    if (change < 0) {
      for (const int parked : parked_[rank]) ready_.push(parked);
      parked_[rank].clear();
    }
    return true;
  }

  const PipelineInstance& instance_;
  const bool late_;
  std::vector<Timeline> timelines_;       // Per rank.
  std::vector<double> held_;              // Per rank.
  std::vector<std::vector<int>> parked_;  // Per rank: for want of memory.
  std::vector<double> ends_;              // Per slot.
  std::vector<int> order_;                // Per slot.
  std::vector<int> missing_;              // Inputs, by order.
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready_;
};

void AddBias(const OrderBias& bias, std::vector<EndingAction>& actions) {
  for (EndingAction& ending : actions) {
    const std::vector<double>& stages = bias[KindOf(ending.action)];
    if (!stages.empty()) ending.end += stages[ending.action.stage];
  }
}

}  // namespace

std::optional<std::vector<std::vector<Action>>> Justify(
    const PipelineInstance& instance, std::vector<EndingAction> actions,
    const OrderBias& late, const OrderBias& early) {
  AddBias(late, actions);
  for (EndingAction& ending : actions) ending.end = -ending.end;
  Move back(instance, Move::Direction::kLate);
  if (!back.Run(std::move(actions))) return std::nullopt;
  actions.clear();
  for (int rank = 0; rank < instance.ranks; ++rank) {
    // Where that move ends an action in its time, the action starts.
    for (const PlacedAction& placed : back.placed(rank)) {
      actions.push_back({placed.action, -placed.end});
    }
  }
  AddBias(early, actions);
  Move ahead(instance, Move::Direction::kEarly);
  if (!ahead.Run(std::move(actions))) return std::nullopt;
  std::vector<std::vector<Action>> programs(
      static_cast<size_t>(instance.ranks));
  for (int rank = 0; rank < instance.ranks; ++rank) {
    for (const PlacedAction& placed : ahead.placed(rank)) {
      programs[rank].push_back(placed.action);
    }
  }
  return programs;
}

}  // namespace penstock
