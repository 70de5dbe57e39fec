// The promise of DESIGN section 4: loss, norm and final weights have the same
// bits at every pipeline width, under every synchronous schedule, over every
// link, and after a pause and resume at another width.
//
// Gradients are added up in the order of the micro-batches, with two
// exceptions. Schedules that pass back the last micro-batch first add up in
// that order, as gpipe-lifo does on one rank. Bidirectional ones add up each
// copy's half of the micro-batches and then the copies, as two replicas do;
// those are held to a tolerance against one.

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/schedule/schedule_catalog.h"
#include "gtest/gtest.h"
#include "tests/numerics/small_job.h"

namespace penstock {
namespace {

constexpr int64_t kSteps = 4;

class BitIdentityTest : public SmallJobTest {
 protected:
  JobSpec Spec(int64_t pipeline, const std::string& schedule, bool tied) const {
    JobSpec spec = SpecOf(Gpt2Config{.layers = 3,
                                     .hidden = 24,
                                     .heads = 3,
                                     .sequence_length = 16,
                                     .vocabulary = 61,
                                     .tied_embeddings = tied});
    spec.parallelism.pipeline = pipeline;
    spec.parallelism.schedule = schedule;
    spec.steps = kSteps;
    return spec;
  }
};

TEST_F(BitIdentityTest, WidthsAndSchedulesGiveTheSameBits) {
  for (const bool tied : {false, true}) {
    const Outcome expected = Train(PlanOf(Spec(1, "1f1b", tied)));
    ASSERT_EQ(std::ssize(expected.losses), kSteps);
    EXPECT_LT(expected.losses.back(), expected.losses.front());
    for (const int64_t pipeline : {1, 2, 3, 4}) {
      for (const char* schedule : {"naive", "gpipe", "1f1b"}) {
        SCOPED_TRACE(testing::Message() << "tied " << tied << " pipeline "
                                        << pipeline << " " << schedule);
        EXPECT_EQ(Train(PlanOf(Spec(pipeline, schedule, tied))), expected);
      }
    }
  }
}

// Grouped queries, heads that are not hidden wide, and scaled frequencies.
LlamaConfig Llama(bool tied) {
  return {.layers = 7,
          .hidden = 24,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 10,
          .intermediate = 36,
          .sequence_length = 16,
          .vocabulary = 61,
          .rope_theta = 500,
          .tied_embeddings = tied,
          .rope_scaling = RopeScaling{.factor = 2,
                                      .low_frequency_factor = 1,
                                      .high_frequency_factor = 4,
                                      .original_sequence_length = 8}};
}

// Every way to order and to split the passes, without every schedule.
TEST_F(BitIdentityTest, ALlamaHasTheSameBitsAtEveryWidthToo) {
  for (const bool tied : {false, true}) {
    JobSpec spec = Spec(1, "1f1b", tied);
    spec.model.architecture = Llama(tied);
    const Outcome expected = Train(PlanOf(spec));
    ASSERT_EQ(std::ssize(expected.losses), kSteps);
    EXPECT_LT(expected.losses.back(), expected.losses.front());
    for (const int64_t pipeline : {2, 3, 4}) {
      for (const char* schedule :
           {"naive", "gpipe", "1f1b", "interleaved-1f1b", "zb-h1", "zbv"}) {
        SCOPED_TRACE(testing::Message() << "tied " << tied << " pipeline "
                                        << pipeline << " " << schedule);
        spec.parallelism = {.pipeline = pipeline, .schedule = schedule};
        spec.batch = {.micro_batch_size = 2, .micro_batches = 4};
        if (pipeline == 3 && schedule == std::string("interleaved-1f1b")) {
          continue;  // Its micro-batches must be a multiple of the ranks.
        }
        const Plan plan = PlanOf(spec);
        EXPECT_EQ(Train(plan), expected);
        if (pipeline > 2) continue;
        EXPECT_EQ(Train(plan, {.link = LinkKind::kGrpc}), expected);
      }
    }
    spec.parallelism = {.pipeline = 2, .schedule = "1f1b"};
    spec.parallelism.recompute = Recompute::kAlways;
    EXPECT_EQ(Train(PlanOf(spec)), expected);
  }
}

TEST_F(BitIdentityTest, ALlamaResumesAtAnotherWidthWithTheSameBits) {
  JobSpec spec = Spec(3, "1f1b", /*tied=*/true);
  spec.model.architecture = Llama(/*tied=*/true);
  const Outcome whole = Train(PlanOf(spec));
  spec.name += "-resumed";
  const Outcome first = Train(PlanOf(spec), {.pause_after_step = kSteps / 2});
  spec.parallelism.pipeline = 2;
  Plan plan = PlanOf(spec);
  plan.start = {.step = kSteps / 2, .checkpoint = first.checkpoint};
  EXPECT_EQ(Train(plan).hash, whole.hash);
}

// Two and four ranks, and where the schedule leaves the stages per rank open
// also eight stages in all.
std::vector<ParallelismSpec> ShapesOf(const ScheduleInfo& schedule) {
  std::vector<ParallelismSpec> shapes;
  for (const int64_t pipeline : {2, 4}) {
    ParallelismSpec shape{.pipeline = pipeline,
                          .schedule = std::string(schedule.name)};
    shapes.push_back(shape);
    if (schedule.stages_per_rank != 0) continue;
    shape.stages_per_rank = 8 / pipeline;
    shapes.push_back(shape);
  }
  return shapes;
}

TEST_F(BitIdentityTest, EverySynchronousScheduleGivesTheBitsOfItsReference) {
  for (const bool tied : {false, true}) {
    JobSpec spec = Spec(1, "1f1b", tied);
    std::get<Gpt2Config>(std::get<Architecture>(spec.model.architecture))
        .layers = 7;
    spec.batch = {.micro_batch_size = 1, .micro_batches = 8};
    const Outcome in_order = Train(PlanOf(spec));
    ASSERT_EQ(std::ssize(in_order.losses), kSteps);
    spec.parallelism.schedule = "gpipe-lifo";
    const Outcome last_first = Train(PlanOf(spec));
    EXPECT_NE(last_first.hash, in_order.hash);
    spec.parallelism = {.pipeline = 2, .data = 2, .schedule = "1f1b"};
    spec.batch.micro_batches = 4;
    const Outcome two_halves = Train(PlanOf(spec));
    EXPECT_NE(two_halves.hash, in_order.hash);
    spec.batch.micro_batches = 8;
    for (const ScheduleInfo& schedule : ScheduleCatalog()) {
      if (!schedule.synchronous || (schedule.fields & kPieces) != 0) continue;
      for (const ParallelismSpec& shape : ShapesOf(schedule)) {
        SCOPED_TRACE(testing::Message()
                     << schedule.name << " tied " << tied << " pipeline "
                     << shape.pipeline << " stages_per_rank "
                     << shape.stages_per_rank);
        spec.parallelism = shape;
        const Plan plan = PlanOf(spec);
        EXPECT_EQ(Train(plan), plan.copies == 2               ? two_halves
                               : schedule.own_summation_order ? last_first
                                                              : in_order);
      }
    }
  }
}

// Hops that take as long as passes: no schedule with a name is made for them.
TEST_F(BitIdentityTest, ASynthesizedScheduleGivesTheBitsOfOneProcess) {
  for (const bool tied : {false, true}) {
    JobSpec spec = Spec(1, "1f1b", tied);
    std::get<Gpt2Config>(std::get<Architecture>(spec.model.architecture))
        .layers = 7;
    spec.batch = {.micro_batch_size = 1, .micro_batches = 8};
    const Outcome expected = Train(PlanOf(spec));
    for (const int64_t pipeline : {2, 4}) {
      SCOPED_TRACE(testing::Message() << pipeline << " tied " << tied);
      spec.parallelism = {.pipeline = pipeline, .schedule = "auto"};
      const Plan fast = PlanOf(spec);
      const absl::Duration pass = fast.stages[0].forward;
      const Plan plan =
          PlanOf(spec, {.latency = 1.5 * pass, .bytes_per_second = 1e300});
      EXPECT_EQ(plan.schedule, "synthesized") << plan.schedule_reason;
      EXPECT_EQ(Train(plan), expected);
    }
  }
}

TEST_F(BitIdentityTest, RecomputingGivesTheSameBits) {
  for (const char* schedule :
       {"gpipe-lifo", "1f1b", "zb-h1", "zbv", "dualpipev", "dualpipe"}) {
    JobSpec spec = Spec(2, schedule, /*tied=*/true);
    std::get<Gpt2Config>(std::get<Architecture>(spec.model.architecture))
        .layers = 5;
    spec.batch = {.micro_batch_size = 1, .micro_batches = 6};
    const Outcome expected = Train(PlanOf(spec));
    for (const Recompute recompute :
         {Recompute::kAlways, Recompute::kExceptLast}) {
      SCOPED_TRACE(testing::Message()
                   << schedule << " " << static_cast<int>(recompute));
      spec.parallelism.recompute = recompute;
      const Plan plan = PlanOf(spec);
      EXPECT_NE(ToString(plan.ranks[0].program).find("0R0 "),
                std::string::npos);
      EXPECT_EQ(Train(plan), expected);
    }
  }
}

TEST_F(BitIdentityTest, ReplicasOfABidirectionalPipelineAddUpCopyByCopy) {
  JobSpec spec = Spec(2, "chimera", /*tied=*/true);
  spec.batch = {.micro_batch_size = 1, .micro_batches = 4};
  spec.parallelism.data = 2;
  const Outcome bidirectional = Train(PlanOf(spec));
  // Replica by replica first, and the copies then: not as four replicas.
  EXPECT_EQ(Train(PlanOf(spec), {.link = LinkKind::kGrpc}), bidirectional);
  EXPECT_EQ(Train(PlanOf(spec), {.link = LinkKind::kNccl}), bidirectional);
  spec.parallelism = {.pipeline = 1, .data = 1, .schedule = "1f1b"};
  spec.batch.micro_batches = 8;
  const Outcome one = Train(PlanOf(spec));
  for (size_t i = 0; i < one.losses.size(); ++i) {
    EXPECT_NEAR(bidirectional.losses[i], one.losses[i], 1e-5 * one.losses[i]);
    EXPECT_NEAR(bidirectional.norms[i], one.norms[i], 1e-5 * one.norms[i]);
  }
}

TEST_F(BitIdentityTest, LinksGiveTheSameBits) {
  for (const char* schedule : {"1f1b", "zbv", "chimera"}) {
    SCOPED_TRACE(schedule);
    const Plan plan = PlanOf(Spec(2, schedule, /*tied=*/true));
    const Outcome local = Train(plan, {.link = LinkKind::kLocal});
    EXPECT_EQ(Train(plan, {.link = LinkKind::kGrpc}), local);
    EXPECT_EQ(Train(plan, {.link = LinkKind::kNccl}), local);
  }
}

TEST_F(BitIdentityTest, ResumingAtAnotherWidthGivesTheSameBits) {
  const Outcome whole = Train(PlanOf(Spec(2, "1f1b", /*tied=*/true)));
  JobSpec spec = Spec(2, "gpipe", /*tied=*/true);
  const Outcome first = Train(PlanOf(spec), {.pause_after_step = kSteps / 2});
  ASSERT_EQ(std::ssize(first.losses), kSteps / 2);
  spec.parallelism.pipeline = 4;
  Plan plan = PlanOf(spec);
  plan.start = {.step = kSteps / 2, .checkpoint = first.checkpoint};
  const Outcome second = Train(plan);
  EXPECT_EQ(second.hash, whole.hash);
  EXPECT_EQ(second.losses.back(), whole.losses.back());
}

TEST_F(BitIdentityTest, ReplicasAgreeWithOnePipelineOfTheSameGlobalBatch) {
  for (const bool tied : {false, true}) {
    JobSpec spec = Spec(2, "1f1b", tied);
    const Outcome one = Train(PlanOf(spec));
    for (const int64_t replicas : {2, 4}) {
      spec.batch.micro_batches = 4 / replicas;
      spec.parallelism.data = replicas;
      const Outcome many = Train(PlanOf(spec));
      ASSERT_EQ(many.losses.size(), one.losses.size());
      for (size_t i = 0; i < one.losses.size(); ++i) {
        EXPECT_NEAR(many.losses[i], one.losses[i], 1e-5 * one.losses[i]);
        EXPECT_NEAR(many.norms[i], one.norms[i], 1e-5 * one.norms[i]);
      }
      // And with themselves, over the other link, exactly.
      EXPECT_EQ(Train(PlanOf(spec), {.link = LinkKind::kGrpc}), many);
      EXPECT_EQ(Train(PlanOf(spec), {.link = LinkKind::kNccl}), many);
    }
  }
}

}  // namespace
}  // namespace penstock
