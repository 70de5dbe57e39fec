#include "coordinator/schedule/lower_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace penstock {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// Per stage, on the shortest way that its place in the model allows.
struct Ways {
  std::vector<double> fill;   // To the start of F.
  std::vector<double> wait;   // From there to the start of I.
  std::vector<double> drain;  // From the end of I to the first stage's W.
};

Ways WaysOf(const PipelineInstance& instance) {
  const size_t stages = instance.rank_of_stage.size();
  Ways ways{std::vector<double>(stages), std::vector<double>(stages),
            std::vector<double>(stages)};
  const auto hop = [&](size_t stage) {
    if (!instance.Crosses(static_cast<int>(stage))) return 0.0;
    return instance.costs.hops[stage].latency +
           instance.costs.hops[stage].occupancy;
  };
  for (size_t stage = 0; stage < stages; ++stage) {
    if (instance.IsFirst(static_cast<int>(stage))) {
      ways.drain[stage] = instance.costs.stages[stage].weight_gradient;
      continue;
    }
    const StageTimes& before = instance.costs.stages[stage - 1];
    ways.fill[stage] = ways.fill[stage - 1] + before.forward + hop(stage - 1);
    ways.drain[stage] =
        ways.drain[stage - 1] + before.input_gradient + hop(stage - 1);
  }
  for (size_t stage = stages; stage-- > 0;) {
    ways.wait[stage] = instance.costs.stages[stage].forward;
    if (instance.IsLast(static_cast<int>(stage))) continue;
    ways.wait[stage] += 2 * hop(stage) + ways.wait[stage + 1] +
                        instance.costs.stages[stage + 1].input_gradient;
  }
  return ways;
}

// The least that F adds to a rank's time.
double ForwardWork(const PipelineInstance& instance, int stage) {
  const StageTimes& times = instance.costs.stages[stage];
  if (times.overlapped_pair < 0) return times.forward;
  double backward = 0;
  for (int other = 0; other < instance.stages(); ++other) {
    if (instance.rank_of_stage[other] != instance.rank_of_stage[stage]) {
      continue;
    }
    const StageTimes& b = instance.costs.stages[other];
    backward = std::max(backward, b.input_gradient + b.weight_gradient);
  }
  return std::clamp(times.overlapped_pair - backward, 0.0, times.forward);
}

struct RankBound {
  double work = 0;
  double passes = 0;
  double fill = kNever;
  double drain = kNever;
  double wait = kNever;
  double forward_most = 0;     // F's time per unit of memory, the greatest.
  double forward_longest = 0;  // Of one F.
  double forwards = 0;         // All F's time.
  double activation_least = kNever;
  double weight_input_least = kNever;
  double weight_least = kNever;
  double actions = 0;  // F's.

  double Stall(double memory_max) const {
    const double whole = std::floor(memory_max / activation_least + 1e-9);
    const double fits =
        std::min({forwards, memory_max * forward_most * 1.000001,
                  whole * forward_longest});
    return std::max(0.0, wait - fits);
  }
  double Forced(double memory_max) const {
    if (weight_input_least <= 0) return 0;
    const double kept = std::floor(memory_max / weight_input_least + 1e-9);
    return std::max(0.0, actions - kept) * weight_least;
  }
};

std::vector<RankBound> BoundsOf(const PipelineInstance& instance) {
  const Ways ways = WaysOf(instance);
  std::vector<RankBound> ranks(instance.ranks);
  const double m = instance.microbatches_per_copy();
  for (int stage = 0; stage < instance.stages(); ++stage) {
    RankBound& rank = ranks[instance.rank_of_stage[stage]];
    const StageTimes& times = instance.costs.stages[stage];
    const ActivationMemory& memory = instance.memory[stage];
    const double forward = ForwardWork(instance, stage);
    rank.passes += m * (forward + times.input_gradient);
    rank.work += m * (forward + times.input_gradient + times.weight_gradient);
    rank.fill = std::min(rank.fill, ways.fill[stage]);
    rank.drain = std::min(rank.drain, ways.drain[stage]);
    rank.wait = std::min(rank.wait, ways.wait[stage]);
    rank.forwards += m * times.forward;
    rank.forward_longest = std::max(rank.forward_longest, times.forward);
    rank.forward_most =
        std::max(rank.forward_most, times.forward / memory.activation);
    rank.activation_least = std::min(rank.activation_least, memory.activation);
    rank.weight_input_least =
        std::min(rank.weight_input_least, memory.weight_input);
    rank.weight_least = std::min(rank.weight_least, times.weight_gradient);
    rank.actions += m;
  }
  return ranks;
}

}  // namespace

double LowerBound(const PipelineInstance& instance, Objective objective) {
  const std::vector<RankBound> ranks = BoundsOf(instance);
  double bound = 0;
  for (int r = 0; r < instance.ranks; ++r) {
    const RankBound& rank = ranks[r];
    const double stall = rank.Stall(instance.memory_max[r]);
    const double through = rank.fill + stall + rank.passes +
                           rank.Forced(instance.memory_max[r]) + rank.drain;
    const double own =
        stall + rank.work + (objective == Objective::kSpan ? 0 : rank.fill);
    bound = std::max(bound, own);
    if (objective == Objective::kMakespan || instance.copies == 1) {
      bound = std::max(bound, through);
    }
  }
  return bound;
}

}  // namespace penstock
