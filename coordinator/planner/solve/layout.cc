#include "coordinator/planner/solve/layout.h"

#include <algorithm>

#include "fmt/format.h"

namespace penstock {
namespace {

SolvedStage StageOf(const Layout& layout, int stage) {
  const int slices = static_cast<int>(layout.cuts.size()) - 1;
  return {.begin = layout.cuts[stage % slices],
          .end = layout.cuts[stage % slices + 1],
          .copy = stage / slices,
          .rank = layout.rank_of_stage[stage],
          .in_flight = layout.in_flight[stage]};
}

StageTicks TimesOf(const StageModel& model, const TickScale& scale,
                   const SolvedStage& stage, int64_t speed) {
  const LayerTimes times = model.Times(stage.begin, stage.end);
  int64_t again = 0;
  for (const int64_t layer : stage.recomputed) {
    again += model.layer(layer).times.forward;
  }
  // The parts of a sum that is rounded must not exceed it.
  const int64_t all = scale.Work(times.total() + again, speed);
  const int64_t forward = std::min(all, scale.Work(times.forward, speed));
  const int64_t weight_gradient =
      std::min(all - forward, scale.Work(times.weight_gradient, speed));
  return {.forward = forward,
          .input_gradient = all - forward - weight_gradient,
          .weight_gradient = weight_gradient};
}

absl::Status DoesNotFit(int rank, int64_t needs, int64_t has) {
  return absl::FailedPreconditionError(fmt::format(
      "rank {} would need {} bytes, and its device has {}", rank, needs, has));
}

}  // namespace

SolveDevice WeakestOf(const SolveProblem& problem,
                      const std::vector<int>& devices) {
  SolveDevice weakest = problem.devices[devices[0]];
  for (const int index : devices) {
    const SolveDevice& device = problem.devices[index];
    weakest.memory_bytes = std::min(weakest.memory_bytes, device.memory_bytes);
    weakest.speed_millionths =
        std::min(weakest.speed_millionths, device.speed_millionths);
  }
  return weakest;
}

absl::StatusOr<LaidOut> LayOut(const SolveProblem& problem,
                               const StageModel& model, const TickScale& scale,
                               const RecomputeRule& rule,
                               const Layout& layout) {
  LaidOut result;
  const int stages = static_cast<int>(layout.rank_of_stage.size());
  for (int stage = 0; stage < stages; ++stage) {
    result.stages.push_back(StageOf(layout, stage));
  }
  result.times.resize(stages);
  for (size_t rank = 0; rank < layout.devices.size(); ++rank) {
    const SolveDevice device = WeakestOf(problem, layout.devices[rank]);
    std::vector<HeldStage> held;
    for (const SolvedStage& stage : result.stages) {
      if (stage.rank != static_cast<int>(rank)) continue;
      held.push_back({stage.begin, stage.end, stage.in_flight});
    }
    int64_t least = 0;
    const auto choice =
        ChooseRecompute(model, held, rule, device.memory_bytes, &least);
    if (!choice.has_value()) {
      return DoesNotFit(static_cast<int>(rank), least, device.memory_bytes);
    }
    result.recomputes_least = result.recomputes_least && choice->least;
    result.ranks.push_back({.devices = layout.devices[rank],
                            .memory_bytes = choice->bytes,
                            .memory_limit_bytes = device.memory_bytes});
    for (int stage = 0; stage < stages; ++stage) {
      SolvedStage& solved = result.stages[stage];
      if (solved.rank != static_cast<int>(rank)) continue;
      for (const int64_t layer : choice->layers) {
        if (layer >= solved.begin && layer < solved.end) {
          solved.recomputed.push_back(layer);
        }
      }
      const StageTicks times =
          TimesOf(model, scale, solved, device.speed_millionths);
      result.times[stage] = times;
      solved.ticks =
          times.forward + times.input_gradient + times.weight_gradient;
    }
  }
  return result;
}

}  // namespace penstock
