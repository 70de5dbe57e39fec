#include "coordinator/schedule/order_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

namespace penstock {

FoundSchedule SearchWeights(const PipelineInstance& instance,
                            const PassOrders& orders,
                            const SearchOptions& options) {
  FoundSchedule found;
  found.value = std::numeric_limits<double>::infinity();
  const int many = instance.microbatches * instance.stages();
  const auto attempt = [&](double fill, int pending, bool by_rank) {
    WeightRules rules;
    rules.fill.assign(instance.ranks, fill);
    for (int rank = 0; rank < instance.ranks; ++rank) {
      rules.pending_max.push_back(by_rank ? pending * rank : pending);
    }
    ++found.evaluations;
    std::optional<TimedSchedule> timed = InsertWeights(instance, orders, rules);
    if (!timed) return;
    const double value = timed->times.Value(options.objective);
    if (value >= found.value) return;
    found.value = value;
    found.times = timed->times;
    found.programs = std::move(timed->programs);
  };
  for (const double fill : {0.0, 0.5, 1.0, 1e9}) {
    for (const int pending : {0, 2, instance.ranks, many}) {
      attempt(fill, pending, false);
    }
    attempt(fill, 1, true);
  }
  return found;
}

std::vector<PassOrders> WarmUpOrders(const PipelineInstance& instance) {
  std::vector<PassOrders> all;
  const int m = instance.microbatches;
  for (const double factor : {1.0, 2.0, 1.5, 0.5, 3.0, 4.0}) {
    PassOrders orders(instance.ranks);
    for (int stage = 0; stage < instance.stages(); ++stage) {
      std::vector<Action>& order = orders[instance.rank_of_stage[stage]];
      const int warm_up =
          static_cast<int>(factor * (instance.stages() - 1 - stage) + 0.5);
      int forward = 0;
      for (int input = 0; input < m; ++input) {
        while (forward < std::min(m, input + warm_up + 1)) {
          order.push_back({stage, ActionKind::kForward, forward++});
        }
        order.push_back({stage, ActionKind::kBackwardInput, input});
      }
    }
    all.push_back(std::move(orders));
  }
  return all;
}

PipelineInstance WithEvenTimes(PipelineInstance instance) {
  for (StageTimes& times : instance.costs.stages) {
    times = {.forward = 1, .input_gradient = 1, .weight_gradient = 1};
  }
  for (Hop& hop : instance.costs.hops) hop = {};
  return instance;
}

std::vector<SlopePattern> PatternsFor(const PipelineInstance& instance) {
  double activations = std::numeric_limits<double>::infinity();
  for (int rank = 0; rank < instance.ranks; ++rank) {
    activations = std::min(activations, instance.memory_max[rank] /
                                            instance.memory[rank].activation);
  }
  std::vector<std::pair<double, SlopePattern>> patterns;
  for (int code = 0; code < 256 * 4; ++code) {
    SlopePattern pattern{.gap = code % 4};
    int slopes = 0;
    for (int i = 0; i < 4; ++i) {
      slopes += pattern.slopes[i] = 1 + (code >> (2 * i + 2)) % 4;
    }
    const double held = slopes * instance.ranks / 6.0;
    // More than 2 to 1 is no use.
    if (held > 2 * activations || 2 * held < activations) continue;
    patterns.emplace_back(std::abs(held / activations - 1), pattern);
  }
  std::stable_sort(
      patterns.begin(), patterns.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<SlopePattern> sorted;
  for (const auto& [distance, pattern] : patterns) sorted.push_back(pattern);
  return sorted;
}

TimedSchedule LayOut(const PipelineInstance& instance,
                     const SlopePattern& pattern) {
  const int p = instance.ranks;
  const int last = instance.stages() - 1;
  TimedSchedule laid;
  laid.programs.resize(p);
  laid.starts.resize(p);
  const auto [down, up, back_down, back_up] =
      std::tuple(pattern.slopes[0], pattern.slopes[1], pattern.slopes[2],
                 pattern.slopes[3]);
  const int turn = down * (p - 1) + 1;                     // First F up.
  const int loss = turn + up * (p - 1) + 1 + pattern.gap;  // First I down.
  const int back_turn = loss + back_down * (p - 1) + 1 + pattern.back_gap;
  for (int rank = 0; rank < p; ++rank) {
    const int place = p - 1 - rank;
    std::vector<std::pair<int, Action>> passes;
    for (int j = 0; j < instance.microbatches; ++j) {
      const int begin = pattern.period * j;
      passes.push_back({begin + down * rank, {rank, ActionKind::kForward, j}});
      passes.push_back(
          {begin + turn + up * place, {last - rank, ActionKind::kForward, j}});
      passes.push_back({begin + loss + back_down * rank,
                        {last - rank, ActionKind::kBackwardInput, j}});
      passes.push_back({begin + back_turn + back_up * place,
                        {rank, ActionKind::kBackwardInput, j}});
    }
    std::stable_sort(
        passes.begin(), passes.end(),
        [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [start, action] : passes) {
      laid.programs[rank].push_back(action);
      laid.starts[rank].push_back(start);
    }
  }
  return laid;
}

}  // namespace penstock
