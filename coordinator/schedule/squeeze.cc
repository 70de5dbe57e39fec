#include "coordinator/schedule/squeeze.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "coordinator/schedule/timeline.h"

namespace penstock {
namespace {

struct Started {
  Action action;
  double start = 0;
};

// All actions in the order of their starts; what needs another comes after it.
std::vector<Started> InOrder(const TimedSchedule& schedule) {
  std::vector<Started> actions;
  for (size_t rank = 0; rank < schedule.programs.size(); ++rank) {
    for (size_t i = 0; i < schedule.programs[rank].size(); ++i) {
      actions.push_back({schedule.programs[rank][i], schedule.starts[rank][i]});
    }
  }
  std::stable_sort(
      actions.begin(), actions.end(),
      [](const Started& a, const Started& b) { return a.start < b.start; });
  return actions;
}

bool HasWeights(const std::vector<Started>& actions) {
  return std::any_of(
      actions.begin(), actions.end(), [](const Started& started) {
        return started.action.kind == ActionKind::kBackwardWeight;
      });
}

class Squeezer {
 public:
  Squeezer(const PipelineInstance& instance, bool weights)
      : instance_(instance), weights_(weights) {
    for (const double memory_max : instance.memory_max) {
      timelines_.emplace_back(memory_max);
    }
    for (std::vector<double>& ends : ends_) {
      ends.resize(instance.rank_of_stage.size() *
                  static_cast<size_t>(instance.microbatches));
    }
  }

  void Place(const Action& action) {
    const StageTimes& times = instance_.costs.stages[action.stage];
    const double time = action.kind == ActionKind::kForward ? times.forward
                        : action.kind == ActionKind::kBackwardInput
                            ? times.input_gradient
                            : times.weight_gradient;
    const double end = timelines_[instance_.rank_of_stage[action.stage]].Place(
        action, Arrival(action), time, Change(action));
    if (action.kind != ActionKind::kBackwardWeight) {
      End(action.kind, action.stage, action.microbatch) = end;
    }
  }

  std::vector<std::vector<Action>> Orders() const {
    std::vector<std::vector<Action>> orders(timelines_.size());
    for (size_t rank = 0; rank < timelines_.size(); ++rank) {
      for (const PlacedAction& placed : timelines_[rank].placed()) {
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

  const PipelineInstance& instance_;
  const bool weights_;
  std::vector<Timeline> timelines_;          // Per rank.
  std::array<std::vector<double>, 2> ends_;  // Of F, and of I.
};

}  // namespace

std::vector<std::vector<Action>> Squeeze(const PipelineInstance& instance,
                                         const TimedSchedule& schedule) {
  const std::vector<Started> actions = InOrder(schedule);
  Squeezer squeezer(instance, HasWeights(actions));
  for (const Started& started : actions) squeezer.Place(started.action);
  return squeezer.Orders();
}

}  // namespace penstock
