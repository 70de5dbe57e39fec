#include "coordinator/planner/solve/recompute_choice.h"

#include <algorithm>
#include <limits>

#include "gtest/gtest.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

SolveProblem RandomProblem(Random& random, int layers) {
  SolveProblem problem;
  problem.gradient_bytes_per_parameter_byte = 0;
  problem.optimizer_bytes_per_parameter_byte = 0;
  for (int i = 0; i < layers; ++i) {
    SolveLayer layer;
    layer.times[1] = {static_cast<int64_t>(random.Below(9)), 1, 1};
    layer.parameter_bytes = static_cast<int64_t>(random.Below(5));
    layer.activation_bytes = static_cast<int64_t>(random.Below(12));
    if (random.Below(4) > 0) {
      layer.activation_recomputed_bytes = static_cast<int64_t>(
          random.Below(static_cast<uint64_t>(layer.activation_bytes) + 1));
    }
    problem.layers.push_back(layer);
  }
  return problem;
}

// The least added time over all subsets; negative when none fits.
int64_t BruteForce(const StageModel& model, int64_t in_flight,
                   int64_t capacity) {
  int64_t best = std::numeric_limits<int64_t>::max();
  for (int64_t mask = 0; mask < int64_t{1} << model.layers(); ++mask) {
    int64_t added = 0;
    int64_t bytes = model.FixedBytes(0, model.layers());
    bool possible = true;
    for (int64_t i = 0; i < model.layers(); ++i) {
      const LayerCost& layer = model.layer(i);
      const bool again = (mask >> i & 1) != 0;
      possible = possible && !(again && layer.recomputed < 0);
      bytes += in_flight * (again ? layer.recomputed : layer.activation);
      if (again) added += layer.times.forward;
    }
    if (possible && bytes <= capacity) best = std::min(best, added);
  }
  return best == std::numeric_limits<int64_t>::max() ? -1 : best;
}

TEST(RecomputeChoiceTest, EqualsTheBestOfAllSubsets) {
  int recomputed = 0;
  int impossible = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed * 1000);
    const int layers = 1 + static_cast<int>(random.Below(9));
    const StageModel model(RandomProblem(random, layers), 1);
    const auto in_flight = static_cast<int64_t>(1 + random.Below(4));
    const auto capacity = static_cast<int64_t>(random.Below(120));
    const auto choice =
        ChooseRecompute(model, {{0, layers, in_flight}}, {}, capacity);
    const int64_t best = BruteForce(model, in_flight, capacity);
    ASSERT_EQ(choice.has_value(), best >= 0);
    impossible += best < 0 ? 1 : 0;
    if (!choice.has_value()) continue;
    EXPECT_EQ(choice->added, best);
    EXPECT_LE(choice->bytes, capacity);
    EXPECT_TRUE(choice->least);
    recomputed += choice->layers.empty() ? 0 : 1;
  }
  EXPECT_GT(recomputed, 200);
  EXPECT_GT(impossible, 200);
}

TEST(RecomputeChoiceTest, SetsAsideWhatALayerNeedsWhileItRuns) {
  SolveProblem problem;
  problem.layers.resize(2);
  for (SolveLayer& layer : problem.layers) {
    layer.times[1] = {10, 10, 10};
    layer.activation_bytes = 100;
    layer.activation_recomputed_bytes = 10;
  }
  const StageModel model(problem, 1);
  const auto with = [&](int64_t capacity, bool workspace) {
    return ChooseRecompute(model, {{0, 2, 3}}, {.counts_workspace = workspace},
                           capacity);
  };
  EXPECT_EQ(with(330, false)->layers.size(), 1);  // 300 + 30.
  EXPECT_EQ(with(330, true)->layers.size(), 2);   // 60 + 90.
  EXPECT_EQ(with(330, true)->bytes, 150);
  EXPECT_FALSE(with(149, true).has_value());
}

}  // namespace
}  // namespace penstock
