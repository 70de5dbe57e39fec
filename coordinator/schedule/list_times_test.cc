#include "coordinator/schedule/list_times.h"

#include "coordinator/schedule/list_schedule.h"
#include "coordinator/schedule/list_search.h"
#include "coordinator/schedule/lower_bound.h"
#include "coordinator/schedule/placement.h"
#include "coordinator/schedule/rule_search.h"
#include "coordinator/schedule/search_schedule.h"
#include "coordinator/schedule/simulate.h"
#include "coordinator/schedule/verify.h"
#include "gtest/gtest.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

// Up to 5 ranks, 3 stages per rank, 8 micro-batches, and any memory.
PipelineInstance Draw(uint64_t seed) {
  Random random(Mix64(seed));
  PipelineInstance instance;
  instance.ranks = 1 + static_cast<int>(random.Below(5));
  instance.microbatches = 1 + static_cast<int>(random.Below(8));
  const bool wave = random.Below(2) == 0;
  instance.rank_of_stage =
      RankOfStage(wave ? Placement::kWave : Placement::kLoop, instance.ranks,
                  1 + static_cast<int>(random.Below(3)));
  for (int stage = 0; stage < instance.stages(); ++stage) {
    const auto time = [&] { return static_cast<double>(random.Below(9)); };
    instance.costs.stages.push_back({time(), time(), time()});
    if (stage > 0) instance.costs.hops.push_back({time(), time() / 4});
    const double activation = 1 + time();
    instance.memory.push_back({activation, activation * random.Uniform()});
  }
  for (int rank = 0; rank < instance.ranks; ++rank) {
    instance.memory_max.push_back(0);
    const double needed = MemoryNeeded(instance, rank);
    instance.memory_max[rank] =
        needed * (1 + static_cast<double>(random.Below(8)) / 2);
  }
  return instance;
}

TEST(ListTimesTest, AgreesWithSimulateAndWithTheScheduler) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const PipelineInstance instance = Draw(seed);
    const FoundSchedule found =
        SearchRules(instance, {.evaluations = 5, .seed = seed});
    ASSERT_TRUE(KeepsToMemory(instance, found.programs));
    const Schedule schedule = ToSchedule(instance, found.programs);
    ASSERT_TRUE(VerifyCompute(schedule).ok()) << VerifyCompute(schedule);
    ListTimer timer(instance);
    const auto times = timer.Run(found.programs);
    ASSERT_TRUE(times.has_value());
    const auto simulation = Simulate(schedule, instance.costs);
    ASSERT_TRUE(simulation.ok()) << simulation.status();
    EXPECT_DOUBLE_EQ(times->makespan, simulation->makespan);
    EXPECT_DOUBLE_EQ(times->span, simulation->span_max);
    EXPECT_DOUBLE_EQ(times->makespan, found.times.makespan);
    EXPECT_DOUBLE_EQ(times->span, found.times.span);
  }
}

TEST(ListTimesTest, MovesKeepSchedulesLegalAndNeverMakeThemWorse) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    const PipelineInstance instance = Draw(seed);
    const FoundSchedule found =
        SearchRules(instance, {.evaluations = 1, .seed = seed});
    const auto moved = SearchLists(instance, found.programs,
                                   {.evaluations = 200, .seed = seed});
    EXPECT_TRUE(KeepsToMemory(instance, moved));
    EXPECT_TRUE(VerifyCompute(ToSchedule(instance, moved)).ok());
    ListTimer timer(instance);
    EXPECT_LE(timer.Run(moved)->Value(Objective::kMakespan), found.value);
  }
}

TEST(ListTimesTest, NoScheduleBeatsTheLowerBound) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const PipelineInstance instance = Draw(seed);
    for (const Objective objective : {Objective::kMakespan, Objective::kSpan}) {
      SCOPED_TRACE(seed);
      const FoundSchedule found = SearchSchedule(
          instance, {},
          {.objective = objective, .evaluations = 400, .seed = seed});
      const double value = objective == Objective::kSpan ? found.times.span
                                                         : found.times.makespan;
      EXPECT_LE(LowerBound(instance, objective), value * (1 + 1e-9));
    }
  }
}

TEST(ListTimesTest, NoProgramsEndThatWaitForEachOther) {
  PipelineInstance instance;
  instance.ranks = 1;
  instance.microbatches = 1;
  instance.rank_of_stage = {0};
  instance.costs.stages = {{1, 1, 1}};
  instance.memory = {{}};
  instance.memory_max = {1};
  ListTimer timer(instance);
  EXPECT_FALSE(timer
                   .Run({{{0, ActionKind::kBackwardInput, 0},
                          {0, ActionKind::kForward, 0},
                          {0, ActionKind::kBackwardWeight, 0}}})
                   .has_value());
}

}  // namespace
}  // namespace penstock
