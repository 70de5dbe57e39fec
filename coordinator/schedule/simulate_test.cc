#include "coordinator/schedule/simulate.h"

#include <algorithm>
#include <numeric>

#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/lower.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"

namespace penstock {
namespace {

ScheduleCosts EvenCosts(int stages, const StageTimes& times, double hop) {
  return {.stages = std::vector<StageTimes>(stages, times),
          .hops = std::vector<Hop>(stages - 1, Hop{.latency = hop})};
}

Simulation Simulated(const std::string& name, const ScheduleRequest& shape,
                     const ScheduleCosts& costs) {
  const Schedule schedule = Generate(name, shape).value();
  const auto compute = Simulate(schedule, costs);
  EXPECT_TRUE(compute.ok()) << compute.status();
  const auto lowered = Simulate(Lower(schedule, {}).value(), costs);
  EXPECT_TRUE(lowered.ok()) << lowered.status();
  EXPECT_EQ(compute->makespan, lowered->makespan);
  EXPECT_EQ(compute->span, lowered->span);
  return *lowered;
}

TEST(SimulateTest, BubbleAndMemoryMatchTheClosedForms) {
  for (int stages = 1; stages <= 8; ++stages) {
    for (int microbatches = 1; microbatches <= 17; ++microbatches) {
      SCOPED_TRACE(std::to_string(stages) + "x" + std::to_string(microbatches));
      const ScheduleRequest shape{stages, microbatches};
      const ScheduleCosts costs = EvenCosts(stages, {3, 5, 2}, 0);
      const double bubble = (stages - 1.0) / (microbatches + stages - 1.0);
      const Simulation one = Simulated("1f1b", shape, costs);
      EXPECT_DOUBLE_EQ(one.bubble_fraction_makespan, bubble);
      EXPECT_DOUBLE_EQ(one.bubble_fraction_span, bubble);
      EXPECT_EQ(one.makespan, (microbatches + stages - 1) * 10);
      for (int rank = 0; rank < stages; ++rank) {
        EXPECT_EQ(one.peak_activations[rank],
                  std::min(microbatches, stages - rank));
      }
      EXPECT_DOUBLE_EQ(
          Simulated("gpipe", shape, costs).bubble_fraction_makespan, bubble);
      EXPECT_DOUBLE_EQ(
          Simulated("naive", shape, costs).bubble_fraction_makespan,
          1 - 1.0 / stages);
    }
  }
}

// Of the reference lists at S = 4, M = 8, from an independent simulator.
TEST(SimulateTest, MakespansEqualTheReference) {
  struct Case {
    const char* name;
    int microbatches;
    double expected[4];
  };
  for (const Case& test : {Case{"naive", 8, {96, 108, 928, 1072}},
                           Case{"gpipe", 8, {33, 34.5, 319, 337}},
                           Case{"1f1b", 8, {33, 37, 319, 367}},
                           Case{"1f1b", 2, {15, 16.5, 145, 163}}}) {
    const ScheduleRequest shape{4, test.microbatches};
    const double makespans[] = {
        Simulated(test.name, shape, EvenCosts(4, {1, 1, 1}, 0)).makespan,
        Simulated(test.name, shape, EvenCosts(4, {1, 1, 1}, 0.25)).makespan,
        Simulated(test.name, shape, EvenCosts(4, {10, 12, 7}, 0)).makespan,
        Simulated(test.name, shape, EvenCosts(4, {10, 12, 7}, 3)).makespan,
    };
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(makespans[i], test.expected[i]) << test.name << " " << i;
    }
  }
}

TEST(SimulateTest, UnevenStagesWithLatencyEqualTheReference) {
  const auto cases = nlohmann::json::parse(
      ReadFile("tests/golden/schedules/makespan_1f1b.json").value(), nullptr,
      false);
  ASSERT_EQ(cases.size(), 30);
  for (const auto& test : cases) {
    SCOPED_TRACE(test.dump());
    const std::vector<double> forward = test["fwd"];
    const std::vector<double> backward = test["bwd"];
    const ScheduleRequest shape{static_cast<int>(forward.size()),
                                test["microbatches"]};
    ScheduleCosts costs;
    for (const double latency : test["p2p_latency"]) {
      costs.hops.push_back({.latency = latency});
    }
    for (size_t stage = 0; stage < forward.size(); ++stage) {
      costs.stages.push_back({forward[stage], backward[stage], 0});
    }
    EXPECT_EQ(Simulated("1f1b", shape, costs).makespan, test["makespan_1f1b"]);
    costs.hops.assign(costs.hops.size(), Hop{});
    EXPECT_EQ(Simulated("1f1b", shape, costs).makespan,
              test["makespan_1f1b_no_comm"]);
  }
}

TEST(SimulateTest, GivesTheTimeOfEveryAction) {
  const Schedule schedule =
      Lower(Generate("1f1b", {.ranks = 2, .microbatches = 1}).value(),
            {.reduce_gradients = true, .reduce_tied = true})
          .value();
  ScheduleCosts costs = EvenCosts(2, {1, 1, 1, 4}, 0.5);
  costs.tied = 2;
  costs.optimizer = {3, 1};
  const auto simulation = Simulate(schedule, costs, {.record_actions = true});
  ASSERT_TRUE(simulation.ok()) << simulation.status();
  std::string text;
  for (int rank = 0; rank < 2; ++rank) {
    for (size_t i = 0; i < schedule.programs[rank].size(); ++i) {
      const ActionTime& time = simulation->actions[rank][i];
      text += ToString(schedule.programs[rank][i]) + " " +
              std::to_string(time.start).substr(0, 4) + "-" +
              std::to_string(time.end).substr(0, 4) + "\n";
    }
  }
  EXPECT_EQ(text,
            "0F0 0.00-1.00\n0SEND_F0 1.00-1.00\n0RECV_B0 1.00-1.00\n"
            "0B0 5.00-7.00\n0REDUCE_GRAD 7.00-11.0\n0REDUCE_TIED 11.0-13.0\n"
            "OPTIMIZER 13.0-16.0\n"
            "1RECV_F0 0.00-0.00\n1F0 1.50-2.50\n1B0 2.50-4.50\n"
            "1SEND_B0 4.50-4.50\n1REDUCE_GRAD 4.50-8.50\n"
            "1REDUCE_TIED 11.0-13.0\nOPTIMIZER 13.0-14.0\n");
  EXPECT_EQ(simulation->makespan, 16);
  EXPECT_EQ(simulation->busy, (std::vector<double>{6, 4}));
}

TEST(SimulateTest, RefusesCostsThatDoNotMatch) {
  const Schedule schedule =
      Generate("1f1b", {.ranks = 2, .microbatches = 1}).value();
  EXPECT_EQ(
      std::string(
          Simulate(schedule, EvenCosts(3, {1, 1, 1}, 0)).status().message()),
      "costs of 3 stages, 2 hops and 0 optimizers for a schedule of 2 "
      "stages and 2 ranks");
  EXPECT_EQ(
      std::string(
          Simulate(schedule, EvenCosts(2, {1, -1, 1}, 0)).status().message()),
      "costs must be finite and not below 0, every one of them");
}

TEST(SimulateTest, RefusesAScheduleThatNeverEnds) {
  const Schedule schedule{.microbatches = 1,
                          .rank_of_stage = {0},
                          .programs = {ParseProgram("0B0 0F0").value()}};
  EXPECT_EQ(
      std::string(
          Simulate(schedule, EvenCosts(1, {1, 1, 1}, 0)).status().message()),
      "rank 0 never gets past 0B0");
}

}  // namespace
}  // namespace penstock
