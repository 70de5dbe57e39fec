// What the generators that search find, against the rates that the authors'
// heuristics reach, and for every small shape.

#include "coordinator/schedule/search_schedule.h"

#include <algorithm>

#include "coordinator/schedule/simulate.h"
#include "coordinator/schedule/v_half.h"
#include "coordinator/schedule/verify.h"
#include "coordinator/schedule/zb_auto.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"

namespace penstock {
namespace {

struct Generator {
  const char* name;
  absl::StatusOr<Schedule> (*generate)(const ScheduleRequest& request);
  int stages_per_rank;
};

constexpr Generator kGenerators[] = {{"zb-auto", ZbAuto, 1},
                                     {"zbv-auto", ZbvAuto, 2},
                                     {"v-half", VHalf, 2},
                                     {"v-min", VMin, 2}};

const Generator& Find(const std::string& name) {
  return *std::find_if(
      std::begin(kGenerators), std::end(kGenerators),
      [&](const Generator& generator) { return generator.name == name; });
}

ScheduleCosts EvenCosts(int stages, const StageTimes& times, double hop) {
  return {.stages = std::vector<StageTimes>(stages, times),
          .hops = std::vector<Hop>(stages - 1, Hop{.latency = hop})};
}

// Most that any rank holds, in activations.
double Peak(const Schedule& schedule, double weight_input_share) {
  double peak = 0;
  for (const std::vector<Action>& program : schedule.programs) {
    double held = 0;
    for (const Action& action : program) {
      held += action.kind == ActionKind::kForward ? 1
              : action.kind == ActionKind::kBackwardInput
                  ? weight_input_share - 1
                  : -weight_input_share;
      peak = std::max(peak, held);
    }
  }
  return peak;
}

TEST(SearchScheduleTest, IsNoWorseThanTheAuthorsHeuristicsAtNoMoreMemory) {
  const auto rows = nlohmann::json::parse(
      ReadFile("tests/golden/schedules/zero_bubble_heuristics.json").value());
  for (const auto& row : rows) {
    SCOPED_TRACE(row.dump());
    const Generator& generator = Find(row["schedule"]);
    const int ranks = row["ranks"];
    const int stages = ranks * generator.stages_per_rank;
    const std::vector<double> times = row["times"];
    ScheduleRequest request{.ranks = ranks,
                            .microbatches = row["microbatches"]};
    request.weight_input_share = row["weight_input_share"];
    if (generator.generate == ZbAuto || generator.generate == ZbvAuto) {
      request.activations_max = row["activations_max"];
    }
    request.costs = EvenCosts(stages, {times[0], times[1], times[2]}, times[3]);
    const auto schedule = generator.generate(request);
    ASSERT_TRUE(schedule.ok()) << schedule.status();
    EXPECT_TRUE(VerifyCompute(*schedule).ok());
    const auto simulation = Simulate(*schedule, *request.costs);
    ASSERT_TRUE(simulation.ok()) << simulation.status();
    constexpr double kFourDecimals = 0.5e-4;
    EXPECT_LE(simulation->bubble_fraction_span,
              row["rate"].get<double>() + kFourDecimals);
    EXPECT_LE(Peak(*schedule, request.weight_input_share),
              row["activations_max"].get<double>() + 1e-9);
  }
}

TEST(SearchScheduleTest, EveryShapeIsCompleteAndWithinItsMemory) {
  for (const Generator& generator : kGenerators) {
    for (int ranks = 1; ranks <= 5; ++ranks) {
      for (int microbatches = 1; microbatches <= 7; ++microbatches) {
        SCOPED_TRACE(std::string(generator.name) + " " + std::to_string(ranks) +
                     "x" + std::to_string(microbatches));
        const auto schedule =
            generator.generate({.ranks = ranks, .microbatches = microbatches});
        ASSERT_TRUE(schedule.ok()) << schedule.status();
        EXPECT_TRUE(VerifyCompute(*schedule).ok());
        int most = ranks * generator.stages_per_rank;
        if (generator.generate == VHalf) most = 2 * ((ranks + 2) / 2);
        if (generator.generate == VMin) most = 2 * ((ranks + 4) / 3);
        EXPECT_LE(Peak(*schedule, 1), most);
      }
    }
  }
}

TEST(SearchScheduleTest, PeaksAreThePapers) {
  for (const int ranks : {4, 8, 16, 24}) {
    const ScheduleRequest request{.ranks = ranks, .microbatches = 3 * ranks};
    EXPECT_EQ(Peak(*VHalf(request), 1), 2 * ((ranks + 2) / 2)) << ranks;
    EXPECT_EQ(Peak(*VMin(request), 1), 2 * ((ranks + 4) / 3)) << ranks;
  }
}

TEST(SearchScheduleTest, EqualTimesGiveThePublishedPatterns) {
  const ScheduleRequest request{.ranks = 4, .microbatches = 8};
  const ScheduleCosts costs = EvenCosts(8, {1, 1, 1}, 0);
  EXPECT_EQ(Simulate(*VHalf(request), costs)->makespan, 53);
  EXPECT_EQ(Simulate(*VMin(request), costs)->makespan, 59);
}

TEST(SearchScheduleTest, RefusesWhatCannotBeAndNamesWhatCan) {
  EXPECT_EQ(
      std::string(ZbvAuto({.ranks = 4, .microbatches = 8, .activations_max = 1})
                      .status()
                      .message()),
      "zbv-auto: activations_max is 1, but a rank holds one micro-batch on "
      "each "
      "of its stages; nearest legal: 2");
  EXPECT_EQ(
      std::string(
          ZbAuto({.ranks = 4, .microbatches = 8, .weight_input_share = 1.5})
              .status()
              .message()),
      "zb-auto: weight_input_share is 1.5, nearest legal: 1");
  ScheduleRequest wrong{.ranks = 2, .microbatches = 2};
  wrong.costs = EvenCosts(3, {1, 1, 1}, 0);
  EXPECT_FALSE(ZbAuto(wrong).ok());
}

}  // namespace
}  // namespace penstock
