#include "coordinator/planner/explain.h"

#include <string>

#include "coordinator/planner/planner.h"
#include "coordinator/planner/synthetic_traces.h"
#include "coordinator/schedule/simulate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::HasSubstr;

constexpr double kMillisecond = 1e-3;

// With a last stage that takes `factor` times as long.
ScheduleCosts CostsWithLast(double factor, double hop) {
  ScheduleCosts costs = SleepingCosts(4, hop);
  costs.stages[3].forward *= factor;
  costs.stages[3].input_gradient *= factor;
  return costs;
}

Explanation ExplainSynthetic(const Plan& plan, const SyntheticSteps& steps) {
  const auto explanation = Explain(plan, MakeTraces(plan, steps));
  EXPECT_TRUE(explanation.ok()) << explanation.status();
  return explanation.ok() ? *explanation : Explanation{};
}

void ExpectWhole(const RankShares& shares) {
  EXPECT_NEAR(shares.busy + shares.causes.total() + shares.other, 1, 1e-3);
}

// The same attribution over traced times as over simulated ones.
TEST(ExplainTest, WhatWasMeasuredIsExplainedAsWhatIsSimulated) {
  for (const std::string schedule : {"1f1b", "gpipe", "naive"}) {
    SCOPED_TRACE(schedule);
    const Plan plan = SleepingPlan(4, 8, schedule, /*optimism=*/0.5);
    const ScheduleCosts costs = CostsWithLast(1.5, kMillisecond / 2);
    const Explanation explanation = ExplainSynthetic(
        plan, {.costs = costs, .clocks_us = {0, 70'000'000, -5'000, 900}});
    const auto simulation =
        Simulate(ScheduleOf(plan), costs, {.explain_bubbles = true});
    ASSERT_EQ(explanation.steps, 7);
    ASSERT_EQ(explanation.measured.ranks.size(), 4);
    for (size_t rank = 0; rank < 4; ++rank) {
      SCOPED_TRACE(rank);
      const RankShares& shares = explanation.measured.ranks[rank];
      const BubbleCauses& causes = simulation->bubbles[rank];
      ExpectWhole(shares);
      ExpectWhole(explanation.planned.ranks[rank]);
      const double step = simulation->makespan;
      EXPECT_NEAR(shares.causes.fill, causes.fill / step, 1e-3);
      EXPECT_NEAR(shares.causes.drain, causes.drain / step, 1e-3);
      EXPECT_NEAR(shares.causes.latency, causes.latency / step, 1e-3);
      EXPECT_NEAR(shares.causes.memory, causes.memory / step, 1e-3);
      EXPECT_NEAR(shares.causes.imbalance, causes.imbalance / step, 1e-3);
      EXPECT_NEAR(shares.other, costs.optimizer[rank] / step, 1e-3);
    }
  }
}

TEST(ExplainTest, PlannedAndMeasuredStandSideBySide) {
  const Plan plan = SleepingPlan(4, 8, "1f1b", /*optimism=*/0.5);
  const Explanation explanation = ExplainSynthetic(
      plan, {.costs = SleepingCosts(4, 1e-4), .between_steps = 0.004});
  EXPECT_NEAR(explanation.planned.costs.stages[1].forward, 1e-3, 1e-9);
  EXPECT_NEAR(explanation.measured.costs.stages[1].forward, 2e-3, 1e-6);
  EXPECT_GT(explanation.measured.step, 1.5 * explanation.planned.step);
  // Nobody works between steps.
  EXPECT_NEAR(explanation.measured.ranks[0].other,
              0.005 / explanation.measured.step, 1e-3);
}

TEST(ExplainTest, NamesTheLargestCauseAndAFasterSchedule) {
  const Plan naive = SleepingPlan(4, 8, "naive");
  const std::string advice =
      ExplainSynthetic(naive, {.costs = SleepingCosts(4, 1e-4)}).advice;
  EXPECT_THAT(advice, HasSubstr("rank "));
  EXPECT_THAT(advice, HasSubstr("would save"));
}

TEST(ExplainTest, BeforeTheFirstStepThereIsThePlan) {
  const Plan plan = SleepingPlan(4, 8, "1f1b");
  const auto explanation = Explain(plan, {});
  ASSERT_TRUE(explanation.ok()) << explanation.status();
  EXPECT_EQ(explanation->steps, 0);
  EXPECT_TRUE(explanation->measured.ranks.empty());
  EXPECT_EQ(explanation->planned.ranks.size(), 4);
  EXPECT_THAT(explanation->advice, HasSubstr(" % of the step"));
}

}  // namespace
}  // namespace penstock
