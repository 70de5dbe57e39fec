// Jobs in bf16 keep the promises that those in fp32 do: the same bits at every
// pipeline width, under every synchronous schedule and after a resume; and they
// learn what a job in fp32 learns.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/numerics/small_job.h"

namespace penstock {
namespace {

constexpr int64_t kSteps = 4;

Gpt2Config Gpt2(bool tied) {
  return {.layers = 6,
          .hidden = 24,
          .heads = 3,
          .sequence_length = 16,
          .vocabulary = 61,
          .tied_embeddings = tied};
}

LlamaConfig Llama(bool tied) {
  return {.layers = 6,
          .hidden = 24,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 10,
          .intermediate = 36,
          .sequence_length = 16,
          .vocabulary = 61,
          .rope_theta = 500,
          .tied_embeddings = tied};
}

class BFloat16Test : public SmallJobTest {
 protected:
  JobSpec Spec(const Architecture& model) const {
    JobSpec spec = SpecOf(model);
    spec.steps = kSteps;
    spec.precision = Precision::kBf16;
    return spec;
  }
};

std::vector<Architecture> Models() {
  return {Gpt2(false), Gpt2(true), Llama(false), Llama(true)};
}

TEST_F(BFloat16Test, WidthsAndSchedulesGiveTheSameBits) {
  for (const Architecture& model : Models()) {
    JobSpec spec = Spec(model);
    const Outcome expected = Train(PlanOf(spec));
    ASSERT_EQ(std::ssize(expected.losses), kSteps);
    EXPECT_LT(expected.losses.back(), expected.losses.front());
    for (const int64_t pipeline : {2, 4}) {
      for (const char* schedule :
           {"gpipe", "1f1b", "interleaved-1f1b", "zb-h1", "zbv"}) {
        SCOPED_TRACE(testing::Message()
                     << NameOf(model) << " tied " << HasTiedEmbeddings(model)
                     << " pipeline " << pipeline << " " << schedule);
        spec.parallelism = {.pipeline = pipeline, .schedule = schedule};
        EXPECT_EQ(Train(PlanOf(spec)), expected);
      }
    }
    spec.parallelism = {
        .pipeline = 3, .schedule = "1f1b", .recompute = Recompute::kAlways};
    EXPECT_EQ(Train(PlanOf(spec), {.link = LinkKind::kGrpc}), expected);
  }
}

TEST_F(BFloat16Test, ResumesAtAnotherWidthWithTheSameBits) {
  for (const Architecture& model :
       {Architecture(Gpt2(true)), Architecture(Llama(false))}) {
    JobSpec spec = Spec(model);
    spec.parallelism.pipeline = 3;
    const Outcome whole = Train(PlanOf(spec));
    const Outcome first = Train(PlanOf(spec), {.pause_after_step = kSteps / 2});
    spec.parallelism.pipeline = 2;
    Plan plan = PlanOf(spec);
    plan.start = {.step = kSteps / 2, .checkpoint = first.checkpoint};
    EXPECT_EQ(Train(plan).hash, whole.hash);
  }
}

// Some of the updates are taken back, and the rounded weights with them.
TEST_F(BFloat16Test, OptimisticUpdatesGiveTheSameBits) {
  JobSpec spec = Spec(Gpt2(true));
  spec.steps = 8;
  spec.parallelism = {.pipeline = 2, .schedule = "zb-h1"};
  std::vector<double> norms = Train(PlanOf(spec)).norms;
  std::sort(norms.begin(), norms.end());
  spec.optimizer.clip_norm = norms[norms.size() / 2];
  const Outcome expected = Train(PlanOf(spec));
  spec.parallelism.optimistic_update = true;
  EXPECT_EQ(Train(PlanOf(spec)), expected);
}

// Pieces of a sequence add up gradients of keys and values in float32, which
// they round once more, so their bits are their own.
TEST_F(BFloat16Test, PiecesOfSequencesGiveTheirBitsAtEveryWidth) {
  for (const Architecture& model :
       {Architecture(Gpt2(true)), Architecture(Llama(true))}) {
    JobSpec spec = Spec(model);
    const Outcome whole = Train(PlanOf(spec));
    spec.parallelism = {
        .pipeline = 1, .schedule = "seq1f1b", .sequence_pieces = 4};
    const Outcome expected = Train(PlanOf(spec));
    ASSERT_EQ(std::ssize(expected.losses), kSteps);
    // Before the first update has made another model of it.
    EXPECT_NEAR(expected.losses[0], whole.losses[0], 1e-3);
    EXPECT_NEAR(expected.norms[0] / whole.norms[0], 1, 0.01);
    spec.parallelism.pipeline = 2;
    EXPECT_EQ(Train(PlanOf(spec)), expected);
  }
}

// Each logit is off by up to 2^-9 of a few units, either way: a token's loss by
// about 0.01, the mean over the 128 tokens of a step by a tenth of that, if all
// errors were of that size and independent. What training adds to it is left as
// much again nine times.
TEST_F(BFloat16Test, TheLossFollowsThatOfFp32) {
  for (const Architecture& model :
       {Architecture(Gpt2(true)), Architecture(Llama(false))}) {
    JobSpec spec = Spec(model);
    spec.optimizer.learning_rate = 3e-3;
    spec.steps = 40;
    const Outcome narrow = Train(PlanOf(spec));
    spec.precision = Precision::kFp32;
    const Outcome wide = Train(PlanOf(spec));
    ASSERT_EQ(std::ssize(narrow.losses), spec.steps);
    EXPECT_NE(narrow.hash, wide.hash);
    EXPECT_LT(narrow.losses.back(), 0.5 * narrow.losses.front());
    for (int64_t step = 0; step < spec.steps; ++step) {
      EXPECT_NEAR(narrow.losses[step], wide.losses[step], 0.01) << step;
    }
  }
}

}  // namespace
}  // namespace penstock
