#include "coordinator/planner/replan.h"

#include <algorithm>
#include <string>

#include "coordinator/planner/planner.h"
#include "coordinator/planner/synthetic_traces.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::HasSubstr;

constexpr double kMillisecond = 1e-3;
const std::vector<int64_t> kAmple(4, int64_t{1} << 32);

TEST(ReplanTest, TurnsToWhatTheMeasuredCostsMakeFaster) {
  const Plan plan = SleepingPlan(4, 8, "naive");
  const Profile profile = ProfileOf(
      plan,
      {.costs = SleepingCosts(4, 0.4 * kMillisecond), .between_steps = 0.01});
  const auto revised = Replan(plan, profile, kAmple, 50);
  ASSERT_TRUE(revised.ok()) << revised.status();
  ASSERT_TRUE(revised->plan.has_value());
  const Plan& next = *revised->plan;
  EXPECT_EQ(next.revision, 1);
  EXPECT_NE(next.schedule, "naive");
  EXPECT_THAT(next.schedule_reason, HasSubstr(next.schedule + " saves"));
  // What it predicts is what it takes: costs and 10 ms between steps.
  const auto simulation =
      Simulate(ScheduleOf(next), SleepingCosts(4, 0.4 * kMillisecond));
  EXPECT_NEAR(absl::ToDoubleSeconds(next.step_time),
              simulation->makespan + 0.01, 1e-4);
  EXPECT_LT(next.step_time, absl::Seconds(0.7 * profile.step));
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    EXPECT_EQ(next.stages[i].unit_end, plan.stages[i].unit_end);
    EXPECT_EQ(next.stages[i].rank, plan.stages[i].rank);
  }
  EXPECT_NEAR(absl::ToDoubleMilliseconds(next.stages[0].hop_latency), 0.4,
              0.01);
  EXPECT_EQ(revised->reason, next.schedule_reason);
  EXPECT_NEAR(revised->measured, profile.step, 1e-9);
  EXPECT_EQ(absl::Seconds(revised->predicted), next.step_time);
  // And the next time there is nothing left to gain or to correct.
  const auto settled =
      Replan(next,
             ProfileOf(next, {.costs = SleepingCosts(4, 0.4 * kMillisecond),
                              .between_steps = 0.01}),
             kAmple, 50);
  ASSERT_TRUE(settled.ok()) << settled.status();
  EXPECT_FALSE(settled->plan.has_value());
}

TEST(ReplanTest, AGainMustBeLargeEnoughAndLastLongEnough) {
  const Plan plan = SleepingPlan(4, 8, "naive");
  const Profile profile = ProfileOf(plan, {.costs = SleepingCosts(4, 1e-4)});
  const auto kept = [&](int64_t steps_left, const ReplanOptions& options) {
    const auto revised = Replan(plan, profile, kAmple, steps_left, options);
    return revised.ok() && (!revised->plan.has_value() ||
                            revised->plan->schedule == plan.schedule);
  };
  EXPECT_FALSE(kept(3, {}));
  EXPECT_TRUE(kept(1, {}));
  EXPECT_TRUE(kept(3, {.cost_steps = 3}));
  EXPECT_TRUE(kept(3, {.gain_min = 0.99}));
}

TEST(ReplanTest, WrongForecastsAreReplacedAndProgramsStay) {
  const Plan plan = SleepingPlan(4, 8, "1f1b", /*optimism=*/0.1);
  const auto revised =
      Replan(plan, ProfileOf(plan, {.costs = SleepingCosts(4, 1e-4)}), kAmple,
             50, {.gain_min = 0.99});
  ASSERT_TRUE(revised.ok()) << revised.status();
  ASSERT_TRUE(revised->plan.has_value());
  const Plan& next = *revised->plan;
  EXPECT_EQ(next.revision, 1);
  EXPECT_GT(next.step_time, 5 * plan.step_time);
  EXPECT_EQ(next.stages[2].forward, absl::Milliseconds(2));
  for (size_t rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(next.ranks[rank].program, plan.ranks[rank].program);
  }
}

TEST(ReplanTest, NothingIsMadeWhenNothingIsToBeGained) {
  const Plan plan = SleepingPlan(4, 8, "1f1b");
  const auto kept = Replan(plan, ProfileOf(plan, {.costs = PlanCosts(plan)}),
                           kAmple, 50, {.gain_min = 0.99});
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_FALSE(kept->plan.has_value());
  EXPECT_THAT(kept->reason, HasSubstr("would save only"));
  EXPECT_NEAR(kept->measured, kept->predicted, 0.02 * kept->measured);
}

}  // namespace
}  // namespace penstock
