#include "coordinator/schedule/squeeze.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace penstock {
namespace {

// Sums of activations are compared with limits; they are not exact.
constexpr double kRounding = 1e-9;

struct Placed {
  Action action;
  double start = 0;
  double end = 0;
  double held = 0;  // Memory of the rank after it.
};

// All actions in the order of their starts; what needs another comes after it.
std::vector<Placed> InOrder(const TimedSchedule& schedule) {
  std::vector<Placed> actions;
  for (size_t rank = 0; rank < schedule.programs.size(); ++rank) {
    for (size_t i = 0; i < schedule.programs[rank].size(); ++i) {
      actions.push_back(
          {schedule.programs[rank][i], schedule.starts[rank][i], 0, 0});
    }
  }
  std::stable_sort(
      actions.begin(), actions.end(),
      [](const Placed& a, const Placed& b) { return a.start < b.start; });
  return actions;
}

bool HasWeights(const std::vector<Placed>& actions) {
  return std::any_of(actions.begin(), actions.end(), [](const Placed& placed) {
    return placed.action.kind == ActionKind::kBackwardWeight;
  });
}

class Squeezer {
 public:
  Squeezer(const PipelineInstance& instance, bool weights)
      : instance_(instance),
        weights_(weights),
        timelines_(static_cast<size_t>(instance.ranks)) {
    for (std::vector<double>& ends : ends_) {
      ends.resize(instance.rank_of_stage.size() *
                  static_cast<size_t>(instance.microbatches));
    }
  }

  void Place(Placed placed) {
    const Action& action = placed.action;
    const StageTimes& times = instance_.costs.stages[action.stage];
    const double time = action.kind == ActionKind::kForward ? times.forward
                        : action.kind == ActionKind::kBackwardInput
                            ? times.input_gradient
                            : times.weight_gradient;
    const int rank = instance_.rank_of_stage[action.stage];
    std::vector<Placed>& timeline = timelines_[rank];
    const double change = Change(action);
    const double arrival = Arrival(action);
    const size_t place =
        Find(timeline, arrival, time, change, instance_.memory_max[rank]);
    placed.start =
        place == 0 ? arrival : std::max(arrival, timeline[place - 1].end);
    placed.end = placed.start + time;
    placed.held = place == 0 ? 0 : timeline[place - 1].held;
    if (action.kind != ActionKind::kBackwardWeight) {
      End(action.kind, action.stage, action.microbatch) = placed.end;
    }
    timeline.insert(timeline.begin() + place, placed);
    for (size_t i = place; i < timeline.size(); ++i) timeline[i].held += change;
  }

  std::vector<std::vector<Action>> Orders() const {
    std::vector<std::vector<Action>> orders(timelines_.size());
    for (size_t rank = 0; rank < timelines_.size(); ++rank) {
      for (const Placed& placed : timelines_[rank]) {
        if (placed.action.kind == ActionKind::kBackwardWeight) continue;
        orders[rank].push_back(placed.action);
      }
    }
    return orders;
  }

 private:
  double& End(ActionKind kind, int stage, int microbatch) {
    return ends_[kind == ActionKind::kForward ? 0 : 1]
                [static_cast<size_t>(stage) * instance_.microbatches +
                 microbatch];
  }

  double Change(const Action& action) const {
    const ActivationMemory& memory = instance_.memory[action.stage];
    if (action.kind == ActionKind::kForward) return memory.activation;
    if (action.kind == ActionKind::kBackwardWeight) return -memory.weight_input;
    return weights_ ? memory.weight_input - memory.activation
                    : -memory.activation;
  }

  double Arrival(const Action& action) {
    const auto [stage, kind, microbatch] =
        std::tuple(action.stage, action.kind, action.microbatch);
    const bool forward = kind == ActionKind::kForward;
    if (kind == ActionKind::kBackwardWeight) {
      return End(ActionKind::kBackwardInput, stage, microbatch);
    }
    if (forward && instance_.IsFirst(stage)) return 0;
    if (!forward && instance_.IsLast(stage)) {
      return End(ActionKind::kForward, stage, microbatch);
    }
    const int from = forward ? stage - 1 : stage + 1;
    const int below = std::min(stage, from);
    const Hop& hop = instance_.costs.hops[below];
    const double hop_time =
        instance_.Crosses(below) ? hop.latency + hop.occupancy : 0;
    return End(kind, from, microbatch) + hop_time;
  }

  // Before which placed action one fits first that arrives at `arrival`, takes
  // `time` and changes the memory by `change` for good.
  static size_t Find(const std::vector<Placed>& timeline, double arrival,
                     double time, double change, double memory_max) {
    const double allowed = memory_max * (1 + kRounding) - change;
    size_t best = timeline.size();
    for (size_t i = timeline.size(); i > 0; --i) {
      const Placed& after = timeline[i - 1];
      if (after.start * (1 + kRounding) < arrival + time) break;
      // Placing before `after` raises what is held from before it on.
      if (change > 0 && after.held > allowed) break;
      const double begin = i == 1 ? 0 : timeline[i - 2].end;
      const double held = i == 1 ? 0 : timeline[i - 2].held;
      if (std::max(arrival, begin) + time <= after.start * (1 + kRounding) &&
          (change <= 0 || held <= allowed)) {
        best = i - 1;
      }
    }
    return best;
  }

  const PipelineInstance& instance_;
  const bool weights_;
  std::vector<std::vector<Placed>> timelines_;
  std::array<std::vector<double>, 2> ends_;  // Of F, and of I.
};

}  // namespace

std::vector<std::vector<Action>> Squeeze(const PipelineInstance& instance,
                                         const TimedSchedule& schedule) {
  const std::vector<Placed> actions = InOrder(schedule);
  Squeezer squeezer(instance, HasWeights(actions));
  for (const Placed& placed : actions) squeezer.Place(placed);
  return squeezer.Orders();
}

}  // namespace penstock
