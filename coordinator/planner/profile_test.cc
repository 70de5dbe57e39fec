#include "coordinator/planner/profile.h"

#include <algorithm>
#include <string>

#include "coordinator/planner/planner.h"
#include "coordinator/planner/synthetic_traces.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr double kMicrosecond = 1e-6;
constexpr double kMillisecond = 1e-3;

// Stage s takes s + 1 times as long as stage 0; each boundary has its own hop.
ScheduleCosts TrueCosts(int stages) {
  ScheduleCosts costs;
  for (int stage = 0; stage < stages; ++stage) {
    costs.stages.push_back({.forward = (stage + 1) * 2 * kMillisecond,
                            .input_gradient = (stage + 1) * 3 * kMillisecond,
                            .weight_gradient = (stage + 1) * kMillisecond});
    costs.optimizer.push_back(4 * kMillisecond);
  }
  for (int stage = 0; stage + 1 < stages; ++stage) {
    costs.hops.push_back({.latency = (stage + 1) * kMillisecond / 2});
  }
  return costs;
}

Profile Measure(const Plan& plan, const std::vector<StepTrace>& traces) {
  const auto profile = MeasureProfile(plan, PlanCosts(plan), traces);
  EXPECT_TRUE(profile.ok()) << profile.status();
  return profile.ok() ? *profile : Profile{};
}

// Traces count in microseconds.
void ExpectCosts(const ScheduleCosts& measured, const ScheduleCosts& expected) {
  ASSERT_EQ(measured.stages.size(), expected.stages.size());
  for (size_t i = 0; i < expected.stages.size(); ++i) {
    SCOPED_TRACE(i);
    const StageTimes& a = measured.stages[i];
    const StageTimes& b = expected.stages[i];
    EXPECT_NEAR(a.forward, b.forward, 2 * kMicrosecond);
    EXPECT_NEAR(a.input_gradient, b.input_gradient, 2 * kMicrosecond);
    EXPECT_NEAR(a.weight_gradient, b.weight_gradient, 2 * kMicrosecond);
    EXPECT_NEAR(measured.optimizer[i], expected.optimizer[i], 2 * kMicrosecond);
  }
  for (size_t i = 0; i < expected.hops.size(); ++i) {
    EXPECT_NEAR(measured.hops[i].latency + measured.hops[i].occupancy,
                expected.hops[i].latency, 2 * kMicrosecond)
        << i;
  }
}

TEST(ProfileTest, FindsTheTimesThatTheTracesWereMadeWith) {
  for (const std::string schedule : {"1f1b", "gpipe", "naive"}) {
    SCOPED_TRACE(schedule);
    const Plan plan = SleepingPlan(4, 8, schedule, /*optimism=*/0.3);
    const ScheduleCosts costs = TrueCosts(4);
    const Profile profile = Measure(
        plan, MakeTraces(plan, {.costs = costs, .between_steps = 0.01}));
    ExpectCosts(profile.costs, costs);
    EXPECT_EQ(profile.steps, 7);
    EXPECT_NEAR(profile.between_steps, 0.01, 2 * kMicrosecond);
    const auto simulation = Simulate(ScheduleOf(plan), costs);
    EXPECT_NEAR(profile.step, simulation->makespan + 0.01, 2 * kMicrosecond);
    EXPECT_NEAR(profile.busy[3], simulation->busy[3] - costs.optimizer[3],
                1e-4);
  }
}

TEST(ProfileTest, ClocksMayDiffer) {
  const Plan plan = SleepingPlan(4, 8, "naive");
  const ScheduleCosts costs = TrueCosts(4);
  const std::vector<int64_t> clocks_us = {0, 5'000'000'000, -77'000'000, 3'000};
  const Profile profile =
      Measure(plan, MakeTraces(plan, {.costs = costs, .clocks_us = clocks_us}));
  ExpectCosts(profile.costs, costs);
  for (size_t rank = 0; rank < 4; ++rank) {
    EXPECT_NEAR(profile.hops.clock_offsets[rank],
                -static_cast<double>(clocks_us[rank]) / 1e6, 5 * kMicrosecond)
        << rank;
  }
}

TEST(ProfileTest, OneClockShowsThatTheTwoWaysDiffer) {
  const Plan plan = SleepingPlan(2, 4, "naive");
  std::vector<StepTrace> traces = MakeTraces(plan, {.costs = TrueCosts(2)});
  // Every gradient comes 200 us later.
  for (StepTrace& trace : traces) {
    const std::vector<Action>& program = plan.ranks[trace.rank].program;
    for (size_t i = 0; i < program.size(); ++i) {
      if (trace.rank == 0 && program[i].kind == ActionKind::kBackward) {
        trace.begin_us[i] += 200;
        trace.end_us[i] += 200;
      }
    }
  }
  const HopTimes hops = MeasureHops(plan, traces);
  EXPECT_NEAR(hops.hops[0].forward, 500 * kMicrosecond, 2 * kMicrosecond);
  EXPECT_NEAR(hops.hops[0].backward, 700 * kMicrosecond, 2 * kMicrosecond);
  EXPECT_EQ(hops.clock_offsets[1], 0);
}

TEST(ProfileTest, SingleSlowPassesDoNotCount) {
  const Plan plan = SleepingPlan(3, 6, "1f1b");
  const ScheduleCosts costs = TrueCosts(3);
  ExpectCosts(
      Measure(plan, MakeTraces(plan, {.costs = costs, .slow_every = 3})).costs,
      costs);
}

TEST(ProfileTest, BIsDividedAsForecast) {
  Plan plan = SleepingPlan(2, 4, "1f1b");
  plan.stages[0].input_gradient = absl::Milliseconds(1);
  plan.stages[0].weight_gradient = absl::Milliseconds(3);
  plan.stages[1].input_gradient = absl::ZeroDuration();
  plan.stages[1].weight_gradient = absl::ZeroDuration();
  const Profile profile =
      Measure(plan, MakeTraces(plan, {.costs = TrueCosts(2)}));
  EXPECT_NEAR(profile.costs.stages[0].input_gradient, 1 * kMillisecond, 1e-6);
  EXPECT_NEAR(profile.costs.stages[0].weight_gradient, 3 * kMillisecond, 1e-6);
  EXPECT_NEAR(profile.costs.stages[1].input_gradient, 4 * kMillisecond, 1e-6);
  EXPECT_NEAR(profile.costs.stages[1].weight_gradient, 4 * kMillisecond, 1e-6);
}

TEST(ProfileTest, TellsBandwidthFromLatencyWhereTensorsQueue) {
  for (const std::string schedule : {"1f1b", "gpipe"}) {
    SCOPED_TRACE(schedule);
    const Plan plan = SleepingPlan(3, 6, schedule);
    ScheduleCosts costs = TrueCosts(3);
    // Stage 0 makes one in 2 ms, and the link carries one in 5.
    costs.hops[0] = {.latency = 3 * kMillisecond,
                     .occupancy = 5 * kMillisecond};
    const Profile profile = Measure(plan, MakeTraces(plan, {.costs = costs}));
    EXPECT_TRUE(profile.hops.hops[0].separated);
    EXPECT_NEAR(profile.costs.hops[0].occupancy, 5 * kMillisecond, 1e-5);
    EXPECT_NEAR(profile.costs.hops[0].latency, 3 * kMillisecond, 1e-5);
    // Stage 1 makes one in 4 ms, and nothing ever waits for the link.
    EXPECT_FALSE(profile.hops.hops[1].separated);
    EXPECT_EQ(profile.costs.hops[1].occupancy, 0);
    EXPECT_NEAR(profile.costs.hops[1].latency, kMillisecond, 1e-5);
  }
}

TEST(ProfileTest, TheFirstStepIsLeftOut) {
  const Plan plan = SleepingPlan(2, 4, "1f1b");
  const ScheduleCosts costs = TrueCosts(2);
  ScheduleCosts slow = costs;
  for (StageTimes& stage : slow.stages) stage.forward *= 50;
  std::vector<StepTrace> traces = MakeTraces(plan, {.costs = slow, .steps = 1});
  for (const StepTrace& trace :
       MakeTraces(plan, {.costs = costs, .first_step = 2, .steps = 2})) {
    traces.push_back(trace);
  }
  const Profile profile = Measure(plan, traces);
  EXPECT_EQ(profile.steps, 2);
  ExpectCosts(profile.costs, costs);
}

TEST(ProfileTest, WithoutACompleteStepThereIsNoProfile) {
  const Plan plan = SleepingPlan(2, 4, "1f1b");
  std::vector<StepTrace> traces =
      MakeTraces(plan, {.costs = TrueCosts(2), .steps = 4});
  std::erase_if(traces, [](const StepTrace& trace) { return trace.rank == 1; });
  EXPECT_TRUE(absl::IsFailedPrecondition(
      MeasureProfile(plan, PlanCosts(plan), traces).status()));
}

}  // namespace
}  // namespace penstock
