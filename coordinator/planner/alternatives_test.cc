#include "coordinator/planner/alternatives.h"

#include <string>

#include "coordinator/planner/planner.h"
#include "coordinator/planner/synthetic_traces.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr double kMillisecond = 1e-3;
const std::vector<int64_t> kAmple(4, int64_t{1} << 32);

TEST(AlternativesTest, PredictsWhatTheMeasuredCostsGive) {
  const Plan plan = SleepingPlan(4, 8, "naive");
  const ScheduleCosts costs = SleepingCosts(4, 0.4 * kMillisecond);
  const Profile profile =
      ProfileOf(plan, {.costs = costs, .between_steps = 0.01});
  const auto found = FindAlternatives(plan, profile, kAmple);
  ASSERT_TRUE(found.ok()) << found.status();
  // The plan in force takes what was measured.
  EXPECT_EQ(found->front().schedule, "naive");
  EXPECT_NEAR(found->front().step, profile.step, 1e-4);
  bool seen = false;
  for (const Alternative& alternative : *found) {
    const auto simulation = Simulate(ScheduleOf(alternative.plan), costs);
    ASSERT_TRUE(simulation.ok()) << simulation.status();
    EXPECT_NEAR(alternative.step, simulation->makespan + 0.01, 1e-4)
        << alternative.schedule;
    EXPECT_EQ(alternative.plan.stages[2].forward, absl::Milliseconds(2));
    seen = seen || alternative.schedule == "1f1b-slack, slack 2";
  }
  EXPECT_TRUE(seen);
}

TEST(AlternativesTest, EveryAlternativeSumsInTheSameOrder) {
  const Plan plan = SleepingPlan(4, 8, "1f1b");
  const auto found = FindAlternatives(
      plan, ProfileOf(plan, {.costs = SleepingCosts(4, 1e-3)}), kAmple);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_GE(found->size(), 3);
  for (const Alternative& alternative : *found) {
    for (const RankPlan& rank : alternative.plan.ranks) {
      int last = -1;
      for (const Action& action : rank.program) {
        if (action.kind != ActionKind::kBackward &&
            action.kind != ActionKind::kBackwardWeight) {
          continue;
        }
        EXPECT_EQ(action.microbatch, last + 1) << alternative.schedule;
        last = action.microbatch;
      }
    }
  }
}

TEST(AlternativesTest, WhatDoesNotFitTheMemoryIsNoAlternative) {
  const Plan plan = SleepingPlan(4, 8, "naive");
  const Profile profile = ProfileOf(plan, {.costs = SleepingCosts(4, 1e-4)});
  std::vector<int64_t> memory;
  for (const RankPlan& rank : plan.ranks) memory.push_back(rank.memory.total());
  const auto found = FindAlternatives(plan, profile, memory);
  ASSERT_TRUE(found.ok()) << found.status();
  for (const Alternative& alternative : *found) {
    for (size_t rank = 0; rank < 4; ++rank) {
      EXPECT_LE(alternative.plan.ranks[rank].memory.total(), memory[rank])
          << alternative.schedule;
    }
  }
  EXPECT_LT(found->size(), FindAlternatives(plan, profile, kAmple)->size());
}

}  // namespace
}  // namespace penstock
