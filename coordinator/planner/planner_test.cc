#include "coordinator/planner/planner.h"

#include <algorithm>
#include <map>
#include <string>

#include "coordinator/schedule/verify.h"
#include "gtest/gtest.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

constexpr int64_t kGibibyte = int64_t{1} << 30;

JobSpec SimJob(int64_t layers, int64_t pipeline) {
  return {.name = "sim",
          .model = {.architecture = SimModel{.layers = layers,
                                             .forward_us = 10000,
                                             .input_gradient_us = 10000,
                                             .weight_gradient_us = 10000}},
          .batch = {.micro_batches = 32},
          .parallelism = {.pipeline = pipeline},
          .steps = 1};
}

JobSpec Gpt2Job(int64_t pipeline) {
  return {.name = "small",
          .model = {.architecture = Gpt2Config{.layers = 8,
                                               .hidden = 256,
                                               .heads = 8,
                                               .sequence_length = 256,
                                               .vocabulary = 256,
                                               .tied_embeddings = false}},
          .data = {.tokens = "t.bin"},
          .batch = {.micro_batch_size = 4, .micro_batches = 8},
          .parallelism = {.pipeline = pipeline},
          .steps = 1};
}

std::vector<DeviceShape> Devices(int64_t count, int64_t memory_bytes) {
  return std::vector<DeviceShape>(
      count, {.memory_bytes = memory_bytes, .flops_per_second = 1e11});
}

constexpr LinkShape kNoDelay{.latency = absl::ZeroDuration(),
                             .bytes_per_second = 1e300};

TEST(PlannerTest, TwelveEqualLayersOnFourRanks) {
  const auto plan = MakePlan(SimJob(12, 4), Devices(4, kGibibyte), kNoDelay);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->stages.size(), 4);
  for (int rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(plan->stages[rank].rank, rank);
    EXPECT_EQ(plan->stages[rank].unit_begin, 3 * rank);
    EXPECT_EQ(plan->stages[rank].unit_end, 3 * rank + 3);
    EXPECT_EQ(plan->stages[rank].forward, absl::Milliseconds(30));
    EXPECT_EQ(plan->ranks[rank].buffers.at(0).activations, 4 - rank);
  }
}

TEST(PlannerTest, PredictsStepAndBubbleOfEvenStages) {
  // 8 stages, 32 micro-batches of 30 ms each.
  const auto plan = MakePlan(SimJob(8, 8), Devices(8, kGibibyte), kNoDelay);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_NEAR(absl::ToDoubleSeconds(plan->step_time), 39 * 0.03, 1e-9);
  EXPECT_NEAR(plan->bubble_fraction, 7.0 / 39, 1e-9);
}

TEST(PlannerTest, ProgramsAreCompleteForEverySchedule) {
  for (const char* schedule : {"naive", "gpipe", "1f1b"}) {
    for (int64_t data = 1; data <= 2; ++data) {
      JobSpec spec = Gpt2Job(3);
      std::get<Gpt2Config>(std::get<Architecture>(spec.model.architecture))
          .tied_embeddings = true;
      spec.parallelism.schedule = schedule;
      spec.parallelism.data = data;
      const auto plan = MakePlan(spec, Devices(3 * data, kGibibyte));
      ASSERT_TRUE(plan.ok()) << plan.status();
      const std::string last = ToString(plan->ranks[2].program);
      EXPECT_EQ(last.find("2REDUCE_GRAD") != std::string::npos, data > 1);
      EXPECT_TRUE(last.ends_with("2REDUCE_TIED OPTIMIZER")) << last;
      EXPECT_EQ(ToString(plan->ranks[1].program).find("TIED"),
                std::string::npos);
    }
  }
}

TEST(PlannerTest, TheHeadCountsForTheCut) {
  // The head of a large vocabulary outweighs several blocks.
  JobSpec spec = Gpt2Job(2);
  std::get<Gpt2Config>(std::get<Architecture>(spec.model.architecture))
      .vocabulary = 32768;
  const auto plan = MakePlan(spec, Devices(2, 8 * kGibibyte));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages[0].unit_end, 9);  // All blocks before the head.
  // One of 256 does not.
  const auto even = MakePlan(Gpt2Job(2), Devices(2, 8 * kGibibyte));
  ASSERT_TRUE(even.ok()) << even.status();
  EXPECT_EQ(even->stages[0].unit_end, 5);
}

TEST(PlannerTest, CountsOnTheSpeedOfTheJobsPrecision) {
  JobSpec spec = Gpt2Job(2);
  std::vector<DeviceShape> devices = Devices(2, 8 * kGibibyte);
  spec.device = DeviceChoice::kCuda;
  for (DeviceShape& device : devices) {
    device.kind = "cuda";
    device.bf16_flops_per_second = 4 * device.flops_per_second;
  }
  const auto fp32 = MakePlan(spec, devices);
  spec.precision = Precision::kBf16;
  const auto bf16 = MakePlan(spec, devices);
  ASSERT_TRUE(fp32.ok() && bf16.ok());
  EXPECT_NEAR(
      absl::FDivDuration(bf16->stages[0].forward, fp32->stages[0].forward),
      0.25, 0.01);
  EXPECT_LT(bf16->step_time, fp32->step_time);
}

TEST(PlannerTest, RefusesDevicesOfTwoKinds) {
  std::vector<DeviceShape> devices = Devices(2, 8 * kGibibyte);
  devices[1].kind = "cuda";
  EXPECT_EQ(MakePlan(Gpt2Job(2), devices).status().message(),
            "a cpu and a cuda device; a job takes one kind");
}

// Its blocks are equal, and no schedule that the planner knows is another for a
// Llama; keys and values that heads share take less memory.
TEST(PlannerTest, PlansALlama) {
  LlamaConfig llama{.layers = 8,
                    .hidden = 256,
                    .heads = 8,
                    .kv_heads = 8,
                    .head_dim = 32,
                    .intermediate = 688,
                    .sequence_length = 256,
                    .vocabulary = 256,
                    .tied_embeddings = true};
  JobSpec spec = Gpt2Job(2);
  spec.model.architecture = llama;
  const auto plan = MakePlan(spec, Devices(2, 8 * kGibibyte));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages[0].unit_end, 5);
  EXPECT_TRUE(
      ToString(plan->ranks[1].program).ends_with("1REDUCE_TIED OPTIMIZER"));
  llama.kv_heads = 2;
  spec.model.architecture = llama;
  const auto grouped = MakePlan(spec, Devices(2, 8 * kGibibyte));
  ASSERT_TRUE(grouped.ok()) << grouped.status();
  // Of eight heads' keys and values, six: 4 blocks, 2 micro-batches, 1024
  // tokens each.
  EXPECT_EQ(
      plan->ranks[0].memory.activations - grouped->ranks[0].memory.activations,
      int64_t{4} * 2 * 1024 * 2 * 6 * 32 * 4);
}

TEST(PlannerTest, RanksArePlannedForTheLeastOfTheirReplicas) {
  JobSpec spec = Gpt2Job(2);
  spec.parallelism.data = 2;
  std::vector<DeviceShape> devices = Devices(4, kGibibyte);
  devices[2].flops_per_second = 5e10;  // Rank 0 of replica 1.
  const auto plan = MakePlan(spec, devices);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_LT(plan->stages[0].unit_end, 5);
}

TEST(PlannerTest, LessMemoryMovesTheCut) {
  const auto free = MakePlan(Gpt2Job(2), Devices(2, kGibibyte));
  ASSERT_TRUE(free.ok()) << free.status();
  std::vector<DeviceShape> devices = Devices(2, kGibibyte);
  devices[0].memory_bytes = free->ranks[0].memory.total() - 1;
  const auto tight = MakePlan(Gpt2Job(2), devices);
  ASSERT_TRUE(tight.ok()) << tight.status();
  EXPECT_LT(tight->stages[0].unit_end, free->stages[0].unit_end);
  EXPECT_LE(tight->ranks[0].memory.total(), devices[0].memory_bytes);
}

// Whatever the message proposes must be true, and the next larger not.
TEST(PlannerTest, ARefusalNamesWhatWouldFit) {
  JobSpec spec = Gpt2Job(2);
  spec.batch.micro_batch_size = 64;
  const int64_t memory = 400 << 20;
  const absl::Status status = MakePlan(spec, Devices(2, memory)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  const std::string message(status.message());
  EXPECT_EQ(message.find("batch.micro_batch_size: 64: rank 0 would need "), 0)
      << message;
  EXPECT_NE(message.find(", and its device has 400.0 MiB: "), std::string::npos)
      << message;

  const std::string key = "batch.micro_batch_size ";
  const size_t at = message.find(key);
  ASSERT_NE(at, std::string::npos) << message;
  spec.batch.micro_batch_size = std::stoi(message.substr(at + key.size()));
  EXPECT_GT(spec.batch.micro_batch_size, 0);
  EXPECT_TRUE(MakePlan(spec, Devices(2, memory)).ok()) << message;
  ++spec.batch.micro_batch_size;
  EXPECT_FALSE(MakePlan(spec, Devices(2, memory)).ok()) << message;
}

TEST(PlannerTest, ARefusalNamesAWiderPipelineThatFits) {
  // Weights alone are too much for one rank: no micro-batch is small enough.
  JobSpec spec = Gpt2Job(1);
  spec.batch.micro_batch_size = 1;
  const int64_t memory = 150 << 20;
  const absl::Status status = MakePlan(spec, Devices(1, memory)).status();
  const std::string message(status.message());
  EXPECT_EQ(message.find("parallelism.pipeline: 1: rank 0 would need "), 0)
      << message;
  const std::string key = "parallelism.pipeline ";
  const size_t at = message.find(key);
  ASSERT_NE(at, std::string::npos) << message;
  spec.parallelism.pipeline = std::stoi(message.substr(at + key.size()));
  EXPECT_TRUE(MakePlan(spec, Devices(spec.parallelism.pipeline, memory)).ok())
      << message;
}

TEST(PlannerTest, ARefusalSaysWhenNothingFits) {
  const absl::Status status =
      MakePlan(Gpt2Job(1), Devices(1, 1 << 20)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::string(status.message())
                  .ends_with("no smaller micro-batch and no wider pipeline "
                             "fits; it needs devices with more memory"))
      << status;
}

TEST(PlannerTest, RanksOfAVHaveTwoSlicesEach) {
  JobSpec spec = SimJob(8, 4);
  spec.parallelism.schedule = "zbv";
  const auto plan = MakePlan(spec, Devices(4, kGibibyte), kNoDelay);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->stages.size(), 8);
  EXPECT_EQ(plan->schedule, "zbv");
  for (int stage = 0; stage < 8; ++stage) {
    EXPECT_EQ(plan->stages[stage].rank, std::min(stage, 7 - stage));
    EXPECT_EQ(plan->stages[stage].unit_begin, stage);
    EXPECT_EQ(plan->stages[stage].forward, absl::Milliseconds(10));
  }
  EXPECT_EQ(plan->ranks[0].buffers.size(), 2);
  // 32 micro-batches of 60 ms, and the bubble of the barrier: (P - 1) F.
  EXPECT_NEAR(absl::ToDoubleSeconds(plan->step_time), 32 * 0.06 + 0.03, 1e-9);
}

TEST(PlannerTest, BothCopiesOfABidirectionalModelHaveTheSameCuts) {
  JobSpec spec = Gpt2Job(2);
  spec.parallelism.schedule = "chimera";
  const auto plan = MakePlan(spec, Devices(2, kGibibyte));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->copies, 2);
  ASSERT_EQ(plan->stages.size(), 4);
  for (int slice = 0; slice < 2; ++slice) {
    EXPECT_EQ(plan->stages[slice].unit_begin,
              plan->stages[2 + slice].unit_begin);
    EXPECT_EQ(plan->stages[slice].rank, 1 - plan->stages[2 + slice].rank);
  }
  // Each rank holds the whole model, and writes half of it.
  const MemoryForecast& one = plan->ranks[0].memory;
  const MemoryForecast& other = plan->ranks[1].memory;
  EXPECT_EQ(one.weights, other.weights);
  EXPECT_EQ(one.checkpoint + other.checkpoint, 3 * one.weights);
}

TEST(PlannerTest, AHeavyHeadLightensItsRanksOtherStage) {
  JobSpec spec = Gpt2Job(2);
  std::get<Gpt2Config>(std::get<Architecture>(spec.model.architecture))
      .vocabulary = 16384;
  spec.parallelism.schedule = "zbv";
  const auto plan = MakePlan(spec, Devices(2, kGibibyte));
  ASSERT_TRUE(plan.ok()) << plan.status();
  // Stages 0 and 3 are rank 0's: embedding and head with fewer blocks.
  const auto units = [&](int stage) {
    return plan->stages[stage].unit_end - plan->stages[stage].unit_begin;
  };
  EXPECT_LT(units(0) + units(3), units(1) + units(2));
}

TEST(PlannerTest, RecomputesOnlyWhereMemoryAsksForIt) {
  JobSpec spec = Gpt2Job(2);
  const auto whole = MakePlan(spec, Devices(2, kGibibyte));
  ASSERT_TRUE(whole.ok()) << whole.status();
  spec.parallelism.recompute = Recompute::kByMemory;
  const auto same = MakePlan(spec, Devices(2, kGibibyte));
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->ranks[0].program, whole->ranks[0].program);
  // Rank 0 has twice as many micro-batches in flight: it is the one that lacks.
  std::vector<DeviceShape> devices = Devices(2, kGibibyte);
  devices[0].memory_bytes =
      (whole->ranks[0].memory.total() - whole->ranks[0].memory.activations / 4);
  devices[1].memory_bytes = whole->ranks[1].memory.total();
  const auto tight = MakePlan(spec, devices);
  ASSERT_TRUE(tight.ok()) << tight.status();
  EXPECT_NE(ToString(tight->ranks[0].program).find("R0"), std::string::npos);
  EXPECT_EQ(ToString(tight->ranks[1].program).find("R0"), std::string::npos);
  EXPECT_LT(tight->ranks[0].memory.activations,
            whole->ranks[0].memory.activations);
  // Told to, and where the partition alone cannot help, the hint is true.
  spec.parallelism.recompute = Recompute::kNever;
  spec.batch = {.micro_batch_size = 16, .micro_batches = 8};
  devices = Devices(2, 400 << 20);
  const std::string message(MakePlan(spec, devices).status().message());
  ASSERT_NE(message.find("parallelism.recompute always"), std::string::npos)
      << message;
  spec.parallelism.recompute = Recompute::kAlways;
  EXPECT_TRUE(MakePlan(spec, devices).ok());
}

TEST(PlannerTest, AutoTakesTheFastestThatFits) {
  JobSpec spec = SimJob(16, 4);
  spec.batch.micro_batches = 16;
  spec.parallelism.schedule = "auto";
  const auto plan = MakePlan(spec, Devices(4, kGibibyte));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_NE(plan->schedule, "auto");
  EXPECT_EQ(plan->spec.parallelism.schedule, "auto");
  EXPECT_EQ(plan->schedule_reason.find("the fastest of "), 0)
      << plan->schedule_reason;
  for (const char* schedule : {"1f1b", "zb-h1", "zbv", "interleaved-1f1b"}) {
    JobSpec named = spec;
    named.parallelism.schedule = schedule;
    const auto other = MakePlan(named, Devices(4, kGibibyte));
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_LE(plan->step_time, 1.001 * other->step_time) << schedule;
  }
}

bool SumsInOrder(const Plan& plan) {
  std::map<int, int> next;  // By stage.
  for (const RankPlan& rank : plan.ranks) {
    for (const Action& action : rank.program) {
      if (action.kind != ActionKind::kBackwardWeight) continue;
      if (action.microbatch != next[action.stage]++) return false;
    }
  }
  return true;
}

// Hops as long as passes, and a stage longer than the others: none of the
// schedules with names is made for that.
JobSpec UnevenJob() {
  JobSpec spec = SimJob(9, 4);
  spec.batch.micro_batches = 12;
  spec.parallelism.schedule = "auto";
  return spec;
}

constexpr LinkShape kSlow{.latency = absl::Milliseconds(15),
                          .bytes_per_second = 1e300};

TEST(PlannerTest, AutoMakesAScheduleWhereNoneWithANameIsAsFast) {
  const auto plan = MakePlan(UnevenJob(), Devices(4, kGibibyte), kSlow);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->schedule, "synthesized");
  EXPECT_TRUE(SumsInOrder(*plan));
  EXPECT_TRUE(VerifyLowered(ScheduleOf(*plan)).ok());
  for (const std::string_view name : kScheduleNames) {
    if (HasWeightVersions(name) || name == "seq1f1b") continue;
    JobSpec named = UnevenJob();
    named.parallelism.schedule = name;
    const auto other = MakePlan(named, Devices(4, kGibibyte), kSlow);
    if (!other.ok()) continue;
    EXPECT_LE(plan->step_time, other->step_time) << name;
    EXPECT_TRUE(other->copies == 2 || plan->step_time < other->step_time);
  }
  for (const char* part :
       {" that a search made; next ", "a rank is idle ", " ms longer for ",
        " % above what is proven to be the least"}) {
    EXPECT_NE(plan->schedule_reason.find(part), std::string::npos)
        << plan->schedule_reason;
  }
}

// Another seed finds others.
TEST(PlannerTest, TheSameJobGivesTheSamePrograms) {
  for (int64_t pipeline = 4; pipeline <= 5; ++pipeline) {
    JobSpec spec = SimJob(2 * pipeline + 1, pipeline);
    spec.batch.micro_batches = 2 * pipeline + 1;
    spec.parallelism.schedule = "auto";
    const auto devices = Devices(pipeline, kGibibyte);
    const auto first = MakePlan(spec, devices, kSlow);
    const auto second = MakePlan(spec, devices, kSlow);
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_EQ(first->schedule, second->schedule);
    EXPECT_EQ(ScheduleOf(*first).programs, ScheduleOf(*second).programs);
    EXPECT_EQ(first->schedule_reason, second->schedule_reason);
  }
}

// The bound is that of stages which only one copy of the model has.
TEST(PlannerTest, ABidirectionalPlanIsNotSaidToBeNearABoundOfOthers) {
  JobSpec spec = SimJob(17, 8);
  spec.parallelism.schedule = "auto";
  const auto plan =
      MakePlan(spec, Devices(8, kGibibyte),
               {.latency = absl::Milliseconds(2), .bytes_per_second = 1e300});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->copies, 2) << plan->schedule;
  EXPECT_EQ(plan->schedule_reason.find("proven"), std::string::npos)
      << plan->schedule_reason;
}

TEST(PlannerTest, AutoKeepsToTheMemory) {
  JobSpec spec = Gpt2Job(4);
  spec.parallelism.schedule = "auto";
  int64_t memory = kGibibyte;
  for (int tighter = 0; tighter < 8; ++tighter) {
    SCOPED_TRACE(memory);
    const auto plan = MakePlan(spec, Devices(4, memory), kSlow);
    if (!plan.ok()) break;
    EXPECT_TRUE(SumsInOrder(*plan) || plan->copies == 2) << plan->schedule;
    int64_t most = 0;
    for (const RankPlan& rank : plan->ranks) {
      most = std::max(most, rank.memory.total());
    }
    EXPECT_LE(most, memory);
    memory = most - 1;
  }
  EXPECT_LT(memory, kGibibyte);
}

TEST(PlannerTest, AutoTakesASlowerScheduleThatNeedsLessMemory) {
  JobSpec spec = Gpt2Job(4);
  spec.parallelism.schedule = "auto";
  const auto fast = MakePlan(spec, Devices(4, kGibibyte));
  ASSERT_TRUE(fast.ok()) << fast.status();
  Plan small = *fast;
  const auto leaves_some_out = [&] {
    return small.schedule_reason.find("need more memory") != std::string::npos;
  };
  while (!leaves_some_out()) {
    int64_t needs = 0;
    for (const RankPlan& rank : small.ranks) {
      needs = std::max(needs, rank.memory.total());
    }
    const auto smaller = MakePlan(spec, Devices(4, needs - 1));
    ASSERT_TRUE(smaller.ok()) << smaller.status();
    small = *smaller;
  }
  EXPECT_GE(small.step_time, fast->step_time);
  const absl::Status none = MakePlan(spec, Devices(4, 1 << 20)).status();
  EXPECT_EQ(none.code(), absl::StatusCode::kFailedPrecondition);
}

TEST(PlannerTest, RefusalsNameTheJobsFieldsAndTheNearestLegalValues) {
  JobSpec spec = SimJob(8, 4);
  spec.parallelism.schedule = "interleaved-1f1b";
  spec.parallelism.stages_per_rank = 3;
  EXPECT_EQ(
      std::string(MakePlan(spec, Devices(4, kGibibyte)).status().message()),
      "parallelism.stages_per_rank: 3: schedule interleaved-1f1b on 4 ranks "
      "cuts the model into 12 stages, and it can be cut into at most 8; "
      "parallelism.stages_per_rank 2 or parallelism.pipeline 2 would do");
  spec = SimJob(8, 3);
  spec.parallelism.schedule = "dualpipe";
  const std::string message(
      MakePlan(spec, Devices(3, kGibibyte)).status().message());
  EXPECT_EQ(message.find("parallelism.pipeline: 3: dualpipe: "), 0) << message;
  spec.parallelism = {
      .pipeline = 2, .schedule = "seq1f1b", .recompute = Recompute::kAlways};
  EXPECT_FALSE(MakePlan(spec, Devices(2, kGibibyte)).ok());
}

TEST(PlannerTest, RefusesWhatCannotBeDivided) {
  EXPECT_EQ(
      std::string(
          MakePlan(SimJob(2, 3), Devices(3, kGibibyte)).status().message()),
      "parallelism.pipeline: 3: the model can be cut into at most 2 "
      "stages");
  EXPECT_EQ(
      std::string(
          MakePlan(SimJob(4, 2), Devices(3, kGibibyte)).status().message()),
      "3 devices for a job of 1 x 2 ranks");
  std::vector<DeviceShape> devices = Devices(2, kGibibyte);
  devices[1].flops_per_second = 0;
  EXPECT_EQ(std::string(MakePlan(Gpt2Job(2), devices).status().message()),
            "a device reports 0 operations a second; its worker must measure "
            "them");
}

TEST(PlannerTest, SimulatesItsOwnPlanActionByAction) {
  const auto plan = MakePlan(Gpt2Job(2), Devices(2, kGibibyte));
  ASSERT_TRUE(plan.ok()) << plan.status();
  const auto simulation = SimulatePlan(*plan);
  ASSERT_TRUE(simulation.ok()) << simulation.status();
  ASSERT_EQ(simulation->actions.size(), 2);
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_EQ(simulation->actions[rank].size(),
              plan->ranks[rank].program.size());
  }
  const double end = std::max(simulation->actions[0].back().end,
                              simulation->actions[1].back().end);
  EXPECT_NEAR(end, absl::ToDoubleSeconds(plan->step_time), 1e-9);
}

}  // namespace
}  // namespace penstock
