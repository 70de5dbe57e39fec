#include "coordinator/schedule/simulate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/lower.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"
#include "proto/schedule_names.h"

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

// One stage per rank unless said otherwise, one program per line.
Schedule FromText(int microbatches, const std::vector<std::string>& programs) {
  Schedule schedule{.microbatches = microbatches};
  for (const std::string& program : programs) {
    schedule.rank_of_stage.push_back(schedule.ranks());
    schedule.programs.push_back(ParseProgram(program).value());
  }
  return schedule;
}

nlohmann::json Golden(const std::string& name) {
  return nlohmann::json::parse(
      ReadFile("tests/golden/schedules/" + name).value(), nullptr, false);
}

void ExpectBubblesAddUp(const Simulation& simulation) {
  for (size_t rank = 0; rank < simulation.busy.size(); ++rank) {
    const BubbleCauses& causes = simulation.bubbles[rank];
    EXPECT_EQ(causes.total(), simulation.makespan - simulation.busy[rank]);
    for (const double cause : {causes.fill, causes.drain, causes.latency,
                               causes.memory, causes.imbalance}) {
      EXPECT_GE(cause, 0);
    }
  }
}

TEST(SimulateTest, ListsOfOtherSystemsTakeAsLongAsTheReferenceSays) {
  const nlohmann::json cases = Golden("simulated.json");
  ASSERT_EQ(cases.size(), 12);
  for (const auto& test : cases) {
    SCOPED_TRACE(test["name"]);
    Schedule schedule = FromText(test["microbatches"], test["programs"]);
    schedule.rank_of_stage = test["rank_of_stage"].get<std::vector<int>>();
    schedule.copies = test["copies"];
    const auto lowered = Lower(schedule, {});
    ASSERT_TRUE(lowered.ok()) << lowered.status();
    for (const auto& sim : test["sims"]) {
      const ScheduleCosts costs = EvenCosts(schedule.stages(),
                                            {.forward = sim[0],
                                             .input_gradient = sim[1],
                                             .weight_gradient = sim[2],
                                             .overlapped_pair = sim[4]},
                                            sim[3]);
      for (const Schedule& form : {schedule, *lowered}) {
        const auto simulation =
            Simulate(form, costs, {.explain_bubbles = true});
        ASSERT_TRUE(simulation.ok()) << simulation.status();
        EXPECT_EQ(simulation->makespan, sim[5]) << sim.dump();
        EXPECT_EQ(simulation->span_max, sim[6]) << sim.dump();
        EXPECT_EQ(simulation->peak_activations,
                  test["peak"].get<std::vector<int>>());
        ExpectBubblesAddUp(*simulation);
      }
    }
  }
}

// The two hand-made schedules of the zero-bubble paper, section 2: rank r keeps
// `warm_up` forwards ahead and delays W by `delay` micro-batches.
Schedule ZeroBubble(int ranks, int microbatches, bool h2) {
  Schedule schedule{.microbatches = microbatches};
  for (int rank = 0; rank < ranks; ++rank) {
    const int behind = ranks - 1 - rank;
    const int warm_up = std::min(h2 ? 2 * behind + 1 : behind, microbatches);
    const int delay = h2 ? 2 * rank : rank;
    std::vector<Action> program;
    int forward = 0;
    int weight = 0;
    const auto add_forward = [&] {
      if (forward == microbatches) return;
      program.push_back({rank, ActionKind::kForward, forward++});
    };
    while (forward < warm_up) add_forward();
    for (int j = 0; j < microbatches; ++j) {
      if (!h2) add_forward();
      program.push_back({rank, ActionKind::kBackwardInput, j});
      if (j >= delay) {
        program.push_back({rank, ActionKind::kBackwardWeight, weight++});
      }
      if (h2) add_forward();
    }
    while (weight < microbatches) {
      program.push_back({rank, ActionKind::kBackwardWeight, weight++});
    }
    schedule.rank_of_stage.push_back(rank);
    schedule.programs.push_back(std::move(program));
  }
  return schedule;
}

// Of interleaved 1F1B with `stages` a rank, whose times add up to `costs`.
double InterleavedRate(ScheduleRequest shape, int stages,
                       const ScheduleCosts& costs) {
  shape.stages_per_rank = stages;
  const StageTimes& whole = costs.stages[0];
  const auto simulation =
      Simulate(Generate("interleaved-1f1b", shape).value(),
               EvenCosts(shape.ranks * stages,
                         {whole.forward / stages, whole.input_gradient / stages,
                          whole.weight_gradient / stages},
                         costs.hops[0].latency));
  EXPECT_TRUE(simulation.ok()) << simulation.status();
  return std::round(1e4 * simulation->bubble_fraction_span) / 1e4;
}

// 1 - work / longest span, to the four decimals that are printed.
TEST(SimulateTest, BubbleRatesEqualTheZeroBubblePaper) {
  const nlohmann::json rows = Golden("zero_bubble_rates.json");
  ASSERT_EQ(rows.size(), 5);
  for (const auto& row : rows) {
    const ScheduleRequest shape{row[0], row[1]};
    const ScheduleCosts costs =
        EvenCosts(shape.ranks, {row[2], row[3], row[4]}, row[5]);
    const auto rate = [&](const Schedule& schedule) {
      const auto simulation = Simulate(schedule, costs);
      EXPECT_TRUE(simulation.ok()) << simulation.status();
      return std::round(1e4 * simulation->bubble_fraction_span) / 1e4;
    };
    EXPECT_EQ(rate(Generate("1f1b", shape).value()), row[6]) << row.dump();
    EXPECT_EQ(rate(ZeroBubble(shape.ranks, shape.microbatches, false)), row[7])
        << row.dump();
    EXPECT_EQ(rate(ZeroBubble(shape.ranks, shape.microbatches, true)), row[8])
        << row.dump();
    EXPECT_EQ(InterleavedRate(shape, row[9], costs), row[10]) << row.dump();
  }
}

// Makespan, span and peak in units of a whole rank's F = I = W = 1; a compound
// pair costs 3.
TEST(SimulateTest, UnitCostsOfEverySchedule) {
  struct Case {
    const char* name;
    int stages_per_rank;
    double makespan;
    double span;
    std::vector<double> peaks;  // One for all ranks, or each rank's.
    double makespan_16;         // With 8 ranks and 16 micro-batches; 0: none.
    double span_16;
  };
  for (const Case& test : {
           Case{"naive", 1, 96, 96, {1}, 384, 384},
           Case{"gpipe", 1, 33, 33, {8}, 69, 69},
           Case{"1f1b", 1, 33, 33, {4, 3, 2, 1}, 69, 69},
           Case{"1f1b-slack", 1, 33, 33, {7, 5, 3, 1}, 69, 69},
           Case{"interleaved-1f1b",
                2,
                28.5,
                28.5,
                {5.5, 4.5, 3.5, 2.5},
                58.5,
                58.5},
           Case{"looped-bfs", 2, 28.5, 28.5, {8}, 58.5, 58.5},
           Case{"zb-h1", 1, 27, 27, {4}, 55, 55},
           Case{"zb-h2", 1, 27, 24, {7}, 55, 48},
           Case{"interleaved-zb", 2, 25.5, 25.5, {4}, 51.5, 51.5},
           Case{"zbv", 2, 25.5, 24, {4}, 51.5, 48},
           Case{"dualpipe", 1, 26, 26, {5}, 54, 54},
           Case{"dualpipev", 2, 27, 27, {4.5}, 55, 55},
       }) {
    SCOPED_TRACE(test.name);
    const std::string name = test.name;
    const double unit = 1.0 / test.stages_per_rank;
    const auto simulate = [&](int ranks) {
      ScheduleRequest shape{.ranks = ranks, .microbatches = 2 * ranks};
      if (name == "1f1b-slack") shape.slack = 2;
      if (name == "interleaved-1f1b" || name == "looped-bfs" ||
          name == "interleaved-zb") {
        shape.stages_per_rank = 2;
      }
      const Schedule schedule = Generate(name, shape).value();
      return Simulate(schedule, EvenCosts(schedule.stages(),
                                          {.forward = unit,
                                           .input_gradient = unit,
                                           .weight_gradient = unit,
                                           .overlapped_pair = 3 * unit},
                                          0))
          .value();
    };
    const Simulation four = simulate(4);
    EXPECT_EQ(four.makespan, test.makespan);
    EXPECT_EQ(four.span_max, test.span);
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(four.peak_activations[rank] * unit,
                test.peaks[test.peaks.size() == 1 ? 0 : rank]);
    }
    const Simulation eight = simulate(8);
    EXPECT_EQ(eight.makespan, test.makespan_16);
    EXPECT_EQ(eight.span_max, test.span_16);
  }
}

// Transfers that cost nothing themselves change no time, and no order that
// Lower gives makes a rank wait longer.
TEST(SimulateTest, LoweringChangesNoTime) {
  for (const std::string_view name : kScheduleNames) {
    SCOPED_TRACE(name);
    const Schedule schedule =
        Generate(name, {.ranks = 4, .microbatches = 8}).value();
    ScheduleCosts costs = EvenCosts(schedule.stages(), {10, 12, 7}, 3);
    for (Hop& hop : costs.hops) hop.occupancy = 2;
    const auto compute = Simulate(schedule, costs, {.explain_bubbles = true});
    const auto lowered = Simulate(Lower(schedule, {}).value(), costs);
    ASSERT_TRUE(lowered.ok()) << lowered.status();
    EXPECT_EQ(compute->makespan, lowered->makespan);
    EXPECT_EQ(compute->span, lowered->span);
    EXPECT_EQ(compute->peak_activations, lowered->peak_activations);
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_NEAR(compute->bubbles[rank].total(),
                  compute->makespan - compute->busy[rank], 1e-9);
    }
  }
}

std::string Causes(const BubbleCauses& causes) {
  return fmt::format("fill {} drain {} latency {} memory {} imbalance {}",
                     causes.fill, causes.drain, causes.latency, causes.memory,
                     causes.imbalance);
}

TEST(SimulateTest, SaysWhyEachRankIsIdle) {
  auto simulation =
      Simulate(FromText(2, {"0F0 0B0 0F1 0B1", "1F0 1B0 1F1 1B1"}),
               EvenCosts(2, {1, 1, 1}, 0.5), {.explain_bubbles = true});
  ASSERT_TRUE(simulation.ok()) << simulation.status();
  ExpectBubblesAddUp(*simulation);
  EXPECT_EQ(Causes(simulation->bubbles[0]),
            "fill 3.5 drain 3.5 latency 1 memory 0 imbalance 0");
  EXPECT_EQ(Causes(simulation->bubbles[1]),
            "fill 1.5 drain 2.5 latency 0.5 memory 0 imbalance 3.5");
  // Rank 0 could do 0W0 while it waits for 0I1's input.
  simulation =
      Simulate(FromText(2, {"0F0 0F1 0I0 0I1 0W0 0W1", "1F0 1B0 1F1 1B1"}),
               EvenCosts(2, {1, 1, 1}, 0), {.explain_bubbles = true});
  ASSERT_TRUE(simulation.ok()) << simulation.status();
  ExpectBubblesAddUp(*simulation);
  EXPECT_EQ(Causes(simulation->bubbles[0]),
            "fill 2 drain 0 latency 0 memory 2 imbalance 0");
  EXPECT_EQ(Causes(simulation->bubbles[1]),
            "fill 1 drain 3 latency 0 memory 0 imbalance 0");
}

// Even 1F1B is idle only until it is full and while it drains. Latency makes
// early ranks wait although they have forwards to do: they lack memory.
TEST(SimulateTest, TheBubbleOf1F1BIsFillAndDrainUntilThereIsLatency) {
  const Schedule schedule =
      Generate("1f1b", {.ranks = 4, .microbatches = 8}).value();
  const auto even =
      Simulate(schedule, EvenCosts(4, {1, 1, 1}, 0), {.explain_bubbles = true});
  for (const BubbleCauses& causes : even->bubbles) {
    EXPECT_EQ(causes.fill + causes.drain, 9);
    EXPECT_EQ(causes.total(), 9);
  }
  const auto late =
      Simulate(schedule, EvenCosts(4, {1, 1, 1}, 1), {.explain_bubbles = true});
  ExpectBubblesAddUp(*late);
  EXPECT_GT(late->bubbles[0].latency, 0);
  EXPECT_GT(late->bubbles[0].memory, 0);
}

TEST(SimulateTest, TransfersOfOneEdgeQueue) {
  ScheduleCosts costs = EvenCosts(2, {1, 1, 1}, 0);
  costs.hops[0] = {.latency = 1, .occupancy = 3};
  const auto simulation =
      Simulate(FromText(2, {"0F0 0F1 0B0 0B1", "1F0 1F1 1B0 1B1"}), costs,
               {.record_actions = true, .explain_bubbles = true});
  ASSERT_TRUE(simulation.ok()) << simulation.status();
  const std::vector<ActionTime>& last = simulation->actions[1];
  EXPECT_EQ(last[0].start, 1 + 3 + 1);
  EXPECT_EQ(last[1].start, 1 + 3 + 3 + 1);
  // The other direction is free.
  EXPECT_EQ(simulation->actions[0][2].start, last[2].end + 3 + 1);
  ExpectBubblesAddUp(*simulation);
}

TEST(SimulateTest, RecomputationTakesAForwardAndHoldsTheActivation) {
  const Schedule schedule = FromText(2, {"0F0 0F1 0R0 0B0 0R1 0B1"});
  ScheduleCosts costs = EvenCosts(1, {1, 2, 3}, 0);
  EXPECT_EQ(Simulate(schedule, costs)->makespan, 2 * (1 + 1 + 5));
  EXPECT_EQ(Simulate(schedule, costs)->peak_activations[0], 1);
  costs.stages[0].recompute = 7;
  EXPECT_EQ(Simulate(schedule, costs)->makespan, 2 * (1 + 7 + 5));
}

TEST(SimulateTest, PiecesShareTheTimeOfAMicrobatch) {
  Schedule schedule = FromText(1, {"0F0.0 0F0.1 0B0.1 0B0.0"});
  schedule.pieces = 2;
  ScheduleCosts costs = EvenCosts(1, {4, 8, 0}, 0);
  const auto forwards = [&] {
    const auto simulation = Simulate(schedule, costs, {.record_actions = true});
    EXPECT_TRUE(simulation.ok()) << simulation.status();
    EXPECT_EQ(simulation->makespan, 12);
    return simulation->actions[0][0].end;
  };
  EXPECT_EQ(forwards(), 2);
  costs.piece_shares = {0.25, 0.75};
  EXPECT_EQ(forwards(), 1);
  costs.piece_shares = {1};
  EXPECT_EQ(Simulate(schedule, costs).status().message(),
            "shares of 1 pieces for a schedule of 2");
}

TEST(SimulateTest, UpdatesTakeTheirStagesShareOfTheOptimizer) {
  Schedule schedule =
      FromText(1, {"0F0@0 1F0@0 1B0@0 1UPDATE1 0B0@0 0UPDATE1 OPTIMIZER"});
  schedule.rank_of_stage = {0, 0};
  ScheduleCosts costs = EvenCosts(2, {1, 1, 1}, 0);
  costs.optimizer = {10};
  const auto simulation = Simulate(schedule, costs, {.record_actions = true});
  ASSERT_TRUE(simulation.ok()) << simulation.status();
  EXPECT_EQ(simulation->actions[0][3].end, 4 + 5);
  EXPECT_EQ(simulation->makespan, 6 + 10);
  EXPECT_EQ(simulation->busy[0], 16);
}

// Copies on the same two ranks: slice 1's come together when rank 1 has both
// gradients, and everything is summed once.
TEST(SimulateTest, CopiesAreSummedWhenBothEndsAreThere) {
  Schedule schedule = FromText(2, {"0F0 3F1 3B1 0B0", "2F1 1F0 1B0 2B1"});
  schedule.rank_of_stage = {0, 1, 1, 0};
  schedule.copies = 2;
  const auto lowered = Lower(schedule, {.reduce_tied = true});
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  ScheduleCosts costs = EvenCosts(4, {1, 1, 1}, 0);
  costs.tied = 10;
  costs.optimizer = {1, 1};
  const auto simulation = Simulate(*lowered, costs, {.record_actions = true});
  ASSERT_TRUE(simulation.ok()) << simulation.status();
  // Slice 1 from 4 and slice 0 from 6, one after another, then both copies'
  // ends, which take the same two ranks.
  EXPECT_EQ(simulation->makespan, 4 + 4 * 10 + 1);
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
