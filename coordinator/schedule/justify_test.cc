#include "coordinator/schedule/justify.h"

#include <algorithm>

#include "coordinator/schedule/list_times.h"
#include "coordinator/schedule/pipeline_instance.h"
#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/verify.h"
#include "coordinator/schedule/zb_h1.h"
#include "coordinator/schedule/zbv.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using Programs = std::vector<std::vector<Action>>;

PipelineInstance InstanceFor(const Schedule& schedule, double memory_max,
                             const StageTimes& times) {
  PipelineInstance instance{.ranks = schedule.ranks(),
                            .microbatches = schedule.microbatches,
                            .rank_of_stage = schedule.rank_of_stage};
  instance.costs.stages.assign(schedule.stages(), times);
  instance.costs.hops.assign(schedule.stages() - 1, {.latency = 1});
  instance.memory.assign(schedule.stages(), {1, 0.5});
  instance.memory_max.assign(schedule.ranks(), memory_max);
  return instance;
}

std::vector<EndingAction> WithEnds(const PipelineInstance& instance,
                                   const Programs& programs) {
  ListTimer timer(instance);
  EXPECT_TRUE(timer.Run(programs).has_value());
  std::vector<EndingAction> actions;
  for (int rank = 0; rank < instance.ranks; ++rank) {
    for (int i = static_cast<int>(programs[rank].size()) - 1; i >= 0; --i) {
      actions.push_back({programs[rank][i], timer.End({rank, i})});
    }
  }
  return actions;
}

// Of each stage and kind.
bool MicrobatchesKeepTheirOrder(const Programs& programs) {
  for (const std::vector<Action>& program : programs) {
    for (auto action = program.begin(); action != program.end(); ++action) {
      if (std::any_of(action, program.end(), [&](const Action& later) {
            return later.stage == action->stage && later.kind == action->kind &&
                   later.microbatch < action->microbatch;
          })) {
        return false;
      }
    }
  }
  return true;
}

void ExpectValid(const PipelineInstance& instance, Schedule schedule,
                 const Programs& programs) {
  schedule.programs = programs;
  EXPECT_TRUE(VerifyCompute(schedule).ok());
  EXPECT_TRUE(MicrobatchesKeepTheirOrder(programs));
  EXPECT_TRUE(KeepsToMemory(instance, programs));
}

OrderBias SomeBias(int stages) {
  OrderBias bias;
  for (size_t kind = 0; kind < bias.size(); ++kind) {
    for (int stage = 0; stage < stages; ++stage) {
      bias[kind].push_back((stage * 7 + static_cast<int>(kind) * 5) % 11);
    }
  }
  return bias;
}

void ExpectValidInAnyOrder(int ranks, int microbatches,
                           const StageTimes& times) {
  SCOPED_TRACE(testing::Message() << ranks << "x" << microbatches);
  const Schedule schedule =
      *Zbv({.ranks = ranks, .microbatches = microbatches});
  const PipelineInstance instance = InstanceFor(schedule, 2 * ranks, times);
  const auto actions = WithEnds(instance, schedule.programs);
  const OrderBias bias = SomeBias(schedule.stages());
  const auto as_it_is = Justify(instance, actions);
  ASSERT_TRUE(as_it_is.has_value());
  ExpectValid(instance, schedule, *as_it_is);
  for (const OrderBias& late : {OrderBias(), bias}) {
    const auto changed = Justify(instance, actions, late, bias);
    if (changed.has_value()) ExpectValid(instance, schedule, *changed);
  }
}

TEST(JustifyTest, EveryShapeStaysValidInAnyOrder) {
  for (int ranks = 1; ranks <= 4; ++ranks) {
    for (int microbatches = 1; microbatches <= 6; ++microbatches) {
      for (const StageTimes& times :
           {StageTimes{3, 4, 2}, StageTimes{0, 0, 2}, StageTimes{0, 1, 0}}) {
        ExpectValidInAnyOrder(ranks, microbatches, times);
      }
    }
  }
}

TEST(JustifyTest, MovesWeightGradientsOutOfTheWay) {
  const Schedule schedule = *ZbH1({.ranks = 4, .microbatches = 8});
  Programs eager(schedule.programs.size());
  for (size_t rank = 0; rank < eager.size(); ++rank) {
    for (Action action : schedule.programs[rank]) {
      if (action.kind == ActionKind::kBackwardWeight) continue;
      eager[rank].push_back(action);
      if (action.kind != ActionKind::kBackwardInput) continue;
      action.kind = ActionKind::kBackwardWeight;
      eager[rank].push_back(action);
    }
  }
  PipelineInstance instance = InstanceFor(schedule, 4, {1, 1, 1});
  for (Hop& hop : instance.costs.hops) hop = {};
  instance.memory.assign(4, {1, 1});
  ListTimer timer(instance);
  EXPECT_EQ(timer.Run(eager)->makespan, 30);
  const auto programs = Justify(instance, WithEnds(instance, eager));
  ASSERT_TRUE(programs.has_value());
  ExpectValid(instance, schedule, *programs);
  EXPECT_EQ(timer.Run(*programs)->makespan, 27);
}

}  // namespace
}  // namespace penstock
