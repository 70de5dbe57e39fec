// Pipelines that cut the sequences of each micro-batch into pieces: they sum
// gradients in an order of their own, from the last piece to the first, which
// is the same at every width; and they compute what whole sequences do.

#include <string>
#include <vector>

#include "coordinator/planner/planner.h"
#include "gtest/gtest.h"
#include "tests/numerics/small_job.h"

namespace penstock {
namespace {

constexpr int64_t kSteps = 4;

// Of both kinds, untied and tied.
std::vector<Architecture> Models() {
  std::vector<Architecture> models;
  for (const bool tied : {false, true}) {
    models.push_back(Gpt2Config{.layers = 3,
                                .hidden = 24,
                                .heads = 3,
                                .sequence_length = 16,
                                .vocabulary = 61,
                                .tied_embeddings = tied});
    models.push_back(LlamaConfig{.layers = 3,
                                 .hidden = 24,
                                 .heads = 4,
                                 .kv_heads = 2,
                                 .head_dim = 6,
                                 .intermediate = 40,
                                 .sequence_length = 16,
                                 .vocabulary = 61,
                                 .tied_embeddings = tied});
  }
  return models;
}

class SequencePiecesTest : public SmallJobTest {
 protected:
  Outcome TrainPieces(int64_t pipeline, int64_t pieces,
                      const Architecture& model,
                      const std::string& schedule = "seq1f1b") const {
    JobSpec spec = SpecOf(model);
    spec.parallelism = {.pipeline = pipeline,
                        .data = 1,
                        .schedule = schedule,
                        .sequence_pieces = pieces};
    spec.steps = kSteps;
    return Train(PlanOf(spec));
  }
};

TEST_F(SequencePiecesTest, EveryWidthGivesTheSameBits) {
  for (const Architecture& model : Models()) {
    for (const int64_t pieces : {2, 4, 16}) {
      const Outcome expected = TrainPieces(1, pieces, model);
      ASSERT_EQ(std::ssize(expected.losses), kSteps);
      for (const int64_t pipeline : {2, 4}) {
        SCOPED_TRACE(testing::Message()
                     << NameOf(model) << " tied " << HasTiedEmbeddings(model)
                     << " pieces " << pieces << " pipeline " << pipeline);
        EXPECT_EQ(TrainPieces(pipeline, pieces, model), expected);
      }
    }
  }
}

TEST_F(SequencePiecesTest, PiecesComputeWhatWholeSequencesDo) {
  for (const Architecture& model : Models()) {
    SCOPED_TRACE(testing::Message()
                 << NameOf(model) << " tied " << HasTiedEmbeddings(model));
    const Outcome whole = TrainPieces(1, 0, model, "1f1b");
    ASSERT_EQ(std::ssize(whole.losses), kSteps);
    EXPECT_LT(whole.losses.back(), whole.losses.front());
    for (const int64_t pieces : {2, 4, 16}) {
      const Outcome cut = TrainPieces(2, pieces, model);
      ASSERT_EQ(std::ssize(cut.losses), kSteps);
      for (int64_t i = 0; i < kSteps; ++i) {
        EXPECT_NEAR(cut.losses[i], whole.losses[i], 1e-5 * whole.losses[i]);
        EXPECT_NEAR(cut.norms[i], whole.norms[i], 1e-4 * whole.norms[i]);
      }
    }
    EXPECT_EQ(TrainPieces(2, 1, model), whole);
  }
}

TEST_F(SequencePiecesTest, RefusesWhatDoesNotGoTogether) {
  const auto refusal = [&](const ParallelismSpec& parallelism) {
    JobSpec spec = SpecOf(Models()[0]);
    spec.parallelism = parallelism;
    const std::vector<DeviceShape> devices(
        2, {.memory_bytes = int64_t{1} << 32, .flops_per_second = 1e11});
    return std::string(MakePlan(spec, devices, LinkShape{}).status().message());
  };
  EXPECT_EQ(
      refusal({.pipeline = 2,
               .data = 1,
               .schedule = "seq1f1b",
               .sequence_pieces = 3}),
      "parallelism.sequence_pieces: 3: seq1f1b: but must be a divisor of the "
      "sequence length, 16; nearest legal: 2 or 4");
  EXPECT_EQ(refusal({.pipeline = 2,
                     .data = 1,
                     .schedule = "seq1f1b",
                     .recompute = Recompute::kAlways}),
            "parallelism.schedule: seq1f1b: a piece's keys and values stay for "
            "the others, so it goes with neither recompute nor "
            "optimistic_update");
}

}  // namespace
}  // namespace penstock
