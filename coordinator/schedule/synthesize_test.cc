#include "coordinator/schedule/synthesize.h"

#include <algorithm>

#include "coordinator/schedule/lower_bound.h"
#include "coordinator/schedule/simulate.h"
#include "coordinator/schedule/verify.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

SynthesizeRequest Even(int ranks, int stages_per_rank, int microbatches,
                       const StageTimes& times, double latency,
                       double memory_max) {
  SynthesizeRequest request;
  request.ranks = ranks;
  request.microbatches = microbatches;
  request.stages_per_rank_max = stages_per_rank;
  const int slices = ranks * stages_per_rank;
  request.slices.stages.assign(slices, times);
  request.slices.hops.assign(slices - 1, Hop{.latency = latency});
  request.memory.assign(slices, {});
  request.memory_max.assign(ranks, memory_max);
  request.evaluations = 2000;
  return request;
}

// Section 0.3 of the reference on schedules: the best policies that a search
// found, with at most 2 P micro-batches between F and the end of I.
TEST(SynthesizeTest, ReachesWhatPolicySearchFound) {
  for (const auto& [latency, makespan] :
       {std::pair<double, double>{0, 494}, {2, 501}, {8, 523}}) {
    SynthesizeRequest request = Even(4, 1, 16, {10, 12, 7}, latency, 8);
    for (ActivationMemory& memory : request.memory) memory.weight_input = 0;
    const auto result = Synthesize(request);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_LE(result->value, makespan) << latency;
    EXPECT_LE(result->lower_bound, result->value);
  }
}

// Activations that are held to the end of W cost 11 more at latency 8 than
// those that I frees.
TEST(SynthesizeTest, ProvesOptimality) {
  for (const double latency : {0, 1, 2, 4, 8}) {
    const auto result = Synthesize(Even(4, 1, 16, {10, 12, 7}, latency, 8));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->value, result->lower_bound) << latency;
    EXPECT_TRUE(latency != 8 || result->value == 529);
  }
}

TEST(SynthesizeTest, IsValidAndNoWorseThanAnyNamedSchedule) {
  SynthesizeRequest request = Even(3, 2, 6, {3, 4, 2}, 1, 8);
  request.slices.stages[1].forward = 7;
  request.slices.hops[2].occupancy = 2;
  for (const Objective objective : {Objective::kMakespan, Objective::kSpan}) {
    request.objective = objective;
    const auto result = Synthesize(request);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(VerifyCompute(result->schedule).ok());
    const auto simulation = Simulate(result->schedule, result->costs);
    ASSERT_TRUE(simulation.ok()) << simulation.status();
    EXPECT_EQ(result->value, objective == Objective::kSpan
                                 ? simulation->span_max
                                 : simulation->makespan);
    ASSERT_FALSE(result->named.empty());
    for (const NamedSchedule& named : result->named) {
      EXPECT_TRUE(named.value < 0 || result->value <= named.value)
          << named.name;
      EXPECT_EQ(named.value < 0, !named.refusal.empty()) << named.name;
    }
    EXPECT_LE(result->lower_bound, result->value);
    EXPECT_FALSE(result->why.empty());
  }
}

TEST(SynthesizeTest, TheSameSeedGivesTheSameAnswer) {
  SynthesizeRequest request = Even(4, 2, 6, {3, 4, 2}, 1, 8);
  request.seed = 7;
  const auto first = Synthesize(request);
  const auto second = Synthesize(request);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->schedule.programs, second->schedule.programs);
  EXPECT_EQ(first->evaluations, second->evaluations);
}

TEST(SynthesizeTest, StopsWhenItIsTold) {
  SynthesizeRequest request = Even(4, 1, 8, {3, 4, 2}, 1, 8);
  request.evaluations = 1000000;
  int asked = 0;
  request.stop = [&] { return ++asked > 3; };
  const auto result = Synthesize(request);
  ASSERT_TRUE(result.ok());
  EXPECT_LT(result->evaluations, 5000);
  EXPECT_TRUE(VerifyCompute(result->schedule).ok());
}

TEST(SynthesizeTest, OneRankHasNoBubble) {
  const auto result = Synthesize(Even(1, 1, 3, {3, 4, 2}, 1, 1));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->value, 27);
  EXPECT_EQ(result->gap(), 0);
}

TEST(SynthesizeTest, RefusesWhatDoesNotFit) {
  const auto small = Synthesize(Even(2, 2, 3, {1, 1, 1}, 0, 1));
  EXPECT_EQ(small.status().code(), absl::StatusCode::kResourceExhausted);
  SynthesizeRequest wrong = Even(2, 2, 3, {1, 1, 1}, 0, 4);
  wrong.slices.hops.pop_back();
  EXPECT_EQ(Synthesize(wrong).status().code(),
            absl::StatusCode::kInvalidArgument);
  wrong = Even(2, 4, 3, {1, 1, 1}, 0, 8);
  wrong.stages_per_rank = 3;
  EXPECT_EQ(std::string(Synthesize(wrong).status().message()),
            "stages per rank: 3: a divisor of 4");
}

}  // namespace
}  // namespace penstock
