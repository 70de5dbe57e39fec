#include "coordinator/planner/solve/makespan_search.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "coordinator/planner/solve/problem_json.h"
#include "coordinator/planner/solve/solve.h"
#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/simulate.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

SolveProblem RandomProblem(uint64_t seed) {
  Random random(seed * 1000);
  SolveProblem problem;
  const size_t layers = 3 + random.Below(4);
  for (size_t i = 0; i < layers; ++i) {
    SolveLayer layer;
    layer.times[1] = {static_cast<int64_t>(1000 * (1 + random.Below(9))),
                      static_cast<int64_t>(1000 * (1 + random.Below(9))),
                      static_cast<int64_t>(1000 * random.Below(9))};
    problem.layers.push_back(layer);
  }
  problem.devices.resize(2 + random.Below(2));
  for (SolveDevice& device : problem.devices) {
    device.speed_millionths =
        static_cast<int64_t>(1 + random.Below(3)) * 1000000;
  }
  problem.link.latency_ns = static_cast<int64_t>(500 * random.Below(4));
  problem.global_batch = static_cast<int64_t>(1 + random.Below(6));
  problem.micro_batch_sizes = {1};
  problem.schedules = {"naive", "gpipe", "1f1b"};
  problem.reorder_devices = true;
  problem.budget = kSolveBudget;
  return problem;
}

double MakespanOf(const SolveProblem& problem, const std::string& schedule,
                  const std::vector<int>& devices,
                  const std::vector<size_t>& cuts) {
  ScheduleCosts costs;
  for (size_t stage = 0; stage < devices.size(); ++stage) {
    const double divisor =
        static_cast<double>(problem.devices[devices[stage]].speed_millionths) /
        1000;
    StageTimes times;
    for (size_t layer = cuts[stage]; layer < cuts[stage + 1]; ++layer) {
      const LayerTimes& layer_times = problem.layers[layer].times.at(1);
      times.forward += static_cast<double>(layer_times.forward) / divisor;
      times.input_gradient +=
          static_cast<double>(layer_times.input_gradient) / divisor;
      times.weight_gradient +=
          static_cast<double>(layer_times.weight_gradient) / divisor;
    }
    costs.stages.push_back(times);
  }
  costs.hops.assign(
      devices.size() - 1,
      {.latency = static_cast<double>(problem.link.latency_ns) / 1000});
  const auto made = Generate(
      schedule, {.ranks = static_cast<int>(devices.size()),
                 .microbatches = static_cast<int>(problem.global_batch)});
  return Simulate(*made, costs)->makespan;
}

// Every schedule, order of the devices and cuts.
double BruteForce(const SolveProblem& problem) {
  double best = 1e18;
  std::vector<int> devices(problem.devices.size());
  std::iota(devices.begin(), devices.end(), 0);
  const size_t layers = problem.layers.size();
  do {
    for (uint64_t mask = 0; mask < uint64_t{1} << (layers - 1); ++mask) {
      std::vector<size_t> cuts = {0};
      for (size_t i = 1; i < layers; ++i) {
        if ((mask >> (i - 1) & 1) != 0) cuts.push_back(i);
      }
      cuts.push_back(layers);
      if (cuts.size() != devices.size() + 1) continue;
      for (const std::string& schedule : problem.schedules) {
        best = std::min(best, MakespanOf(problem, schedule, devices, cuts));
      }
    }
  } while (std::next_permutation(devices.begin(), devices.end()));
  return best;
}

TEST(MakespanSearchTest, EqualsTheBestOfEverything) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const SolveProblem problem = RandomProblem(seed);
    const auto solution = Solve(problem);
    ASSERT_TRUE(solution.ok()) << solution.status();
    EXPECT_TRUE(solution->optimal);
    EXPECT_NEAR(solution->value_us, BruteForce(problem),
                1e-9 * solution->value_us);
  }
}

TEST(MakespanSearchTest, SaysWhenTheBudgetWasNotEnough) {
  SolveProblem problem = RandomProblem(1);
  for (int i = 0; i < 40; ++i) problem.layers.push_back(problem.layers[i % 3]);
  problem.budget = 3000;
  const auto solution = Solve(problem);
  ASSERT_TRUE(solution.ok()) << solution.status();
  EXPECT_FALSE(solution->optimal);
  EXPECT_LE(solution->lower_bound_us, solution->value_us);
  problem.budget = kSolveBudget;
  const auto more = Solve(problem);
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_LE(more->value_us, solution->value_us);
  EXPECT_GE(more->value_us, solution->lower_bound_us);
}

constexpr char kTwoLayers[] = R"({{
  "layers": [
    {{"times": [{{"micro_batch_size": 1, "forward_us": 10}},
               {{"micro_batch_size": 2, "forward_us": {}}}],
     "activation_bytes": 10, "activation_recomputed_bytes": 1,
     "parameter_bytes": 100}},
    {{"times": [{{"micro_batch_size": 1, "forward_us": 10}},
               {{"micro_batch_size": 2, "forward_us": {}}}],
     "activation_bytes": 10, "activation_recomputed_bytes": 1,
     "parameter_bytes": 100}}],
  "devices": [{{"count": {}, "memory_bytes": {}}}],
  "global_batch": 8,
  "links": {{"bytes_per_second": 1e9}},
  "options": {{"schedules": ["gpipe"], "data_widths": [1, 2],
              "gradient_bytes_per_parameter_byte": 0,
              "optimizer_bytes_per_parameter_byte": 0,
              "drop_devices": true}}}})";

SolveChoice ChoiceFor(int two, int devices, int memory, size_t* recomputed) {
  const auto problem =
      ParseSolveProblem(fmt::format(kTwoLayers, two, two, devices, memory));
  EXPECT_TRUE(problem.ok()) << problem.status();
  const auto solution = Solve(*problem);
  EXPECT_TRUE(solution.ok()) << solution.status();
  if (!solution.ok()) return {};
  if (recomputed != nullptr) {
    *recomputed = 0;
    for (const SolvedStage& stage : solution->stages) {
      *recomputed += stage.recomputed.size();
    }
  }
  return solution->choice;
}

// Two samples together take 12, not 20; but the fewer, the more bubble.
TEST(MakespanSearchTest, WeighsBubbleAgainstMicroBatchSize) {
  EXPECT_EQ(ChoiceFor(12, 2, 1000, nullptr).micro_batch_size, 2);
  EXPECT_EQ(ChoiceFor(20, 1, 1000, nullptr).pipeline, 1);
  const SolveChoice pair = ChoiceFor(19, 2, 119 + 80, nullptr);
  EXPECT_EQ(pair.pipeline, 2);
  EXPECT_EQ(pair.micro_batch_size, 1);
}

TEST(MakespanSearchTest, ReplicatesOrCutsAsMemoryAllows) {
  // Two replicas of the whole model have no bubble.
  EXPECT_EQ(ChoiceFor(20, 2, 1000, nullptr).data, 2);
  // 8 activations of one layer beside its weights; two layers do not fit.
  size_t recomputed = 0;
  EXPECT_EQ(ChoiceFor(20, 2, 180, &recomputed).pipeline, 2);
  EXPECT_EQ(recomputed, 0);
  // With less it must recompute: 8 x 1 + 9 x 1 beside the weights.
  EXPECT_EQ(ChoiceFor(20, 2, 117, &recomputed).pipeline, 2);
  EXPECT_EQ(recomputed, 2);
}

TEST(MakespanSearchTest, SaysWhyOthersLost) {
  const auto solution = Solve(RandomProblem(5));
  ASSERT_TRUE(solution.ok()) << solution.status();
  ASSERT_EQ(solution->alternatives.size(), 2);
  for (const SolveAlternative& other : solution->alternatives) {
    EXPECT_TRUE(other.has_value);
    EXPECT_GE(other.value_us, solution->value_us);
    EXPECT_FALSE(other.reason.empty());
  }
}

}  // namespace
}  // namespace penstock
