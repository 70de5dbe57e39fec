// Pipelines that cut the sequences of each micro-batch into pieces: they sum
// gradients in an order of their own, from the last piece to the first, which
// is the same at every width; and they compute what whole sequences do.

#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "coordinator/planner/planner.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"
#include "proto/file/weight_hash.h"
#include "tests/in_process/in_process_job.h"

namespace penstock {
namespace {

constexpr int64_t kSteps = 4;

struct Outcome {
  std::vector<double> losses;
  std::vector<double> norms;
  std::string hash;

  bool operator==(const Outcome& other) const = default;
};

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

class SequencePiecesTest : public testing::Test {
 protected:
  SequencePiecesTest() {
    root_ = testing::TempDir() + fmt::format("/pieces-{}", ::getpid());
    std::filesystem::create_directories(root_);
    std::string tokens;
    for (int i = 0; i < 4096; ++i) {
      tokens.push_back(static_cast<char>(i * i % 61));
      tokens.push_back('\0');
    }
    EXPECT_TRUE(WriteFileAtomically(root_ + "/tokens.bin", tokens).ok());
  }
  ~SequencePiecesTest() override { std::filesystem::remove_all(root_); }

  absl::StatusOr<Plan> PlanOf(const ParallelismSpec& parallelism,
                              const Architecture& model) const {
    JobSpec spec;
    spec.name = "pieces";
    spec.model.architecture = model;
    spec.data.tokens = root_ + "/tokens.bin";
    spec.optimizer.learning_rate = 1e-2;
    spec.batch = {.micro_batch_size = 2, .micro_batches = 4};
    spec.parallelism = parallelism;
    spec.steps = kSteps;
    const std::vector<DeviceShape> devices(
        parallelism.pipeline,
        {.memory_bytes = int64_t{1} << 32, .flops_per_second = 1e11});
    return MakePlan(spec, devices, LinkShape{});
  }

  Outcome Train(int64_t pipeline, int64_t pieces, const Architecture& model,
                const std::string& schedule = "seq1f1b") const {
    absl::StatusOr<Plan> plan = PlanOf({.pipeline = pipeline,
                                        .data = 1,
                                        .schedule = schedule,
                                        .sequence_pieces = pieces},
                                       model);
    EXPECT_TRUE(plan.ok()) << plan.status();
    Outcome outcome;
    if (!plan.ok()) return outcome;
    plan->checkpoint_directory =
        fmt::format("{}/{}-{}-p{}-q{}-{}", root_, NameOf(model), schedule,
                    pipeline, pieces, HasTiedEmbeddings(model));
    const auto result = RunInProcess(*plan, {.root = root_});
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return outcome;
    for (const StepMetrics& metrics : result->metrics) {
      outcome.losses.push_back(metrics.loss);
      outcome.norms.push_back(metrics.grad_norm);
    }
    outcome.hash = HashWeights(result->progress.checkpoint).value_or("");
    EXPECT_FALSE(outcome.hash.empty());
    return outcome;
  }

  std::string root_;
};

TEST_F(SequencePiecesTest, EveryWidthGivesTheSameBits) {
  for (const Architecture& model : Models()) {
    for (const int64_t pieces : {2, 4, 16}) {
      const Outcome expected = Train(1, pieces, model);
      ASSERT_EQ(std::ssize(expected.losses), kSteps);
      for (const int64_t pipeline : {2, 4}) {
        SCOPED_TRACE(testing::Message()
                     << NameOf(model) << " tied " << HasTiedEmbeddings(model)
                     << " pieces " << pieces << " pipeline " << pipeline);
        EXPECT_EQ(Train(pipeline, pieces, model), expected);
      }
    }
  }
}

TEST_F(SequencePiecesTest, PiecesComputeWhatWholeSequencesDo) {
  for (const Architecture& model : Models()) {
    SCOPED_TRACE(testing::Message()
                 << NameOf(model) << " tied " << HasTiedEmbeddings(model));
    const Outcome whole = Train(1, 0, model, "1f1b");
    ASSERT_EQ(std::ssize(whole.losses), kSteps);
    EXPECT_LT(whole.losses.back(), whole.losses.front());
    for (const int64_t pieces : {2, 4, 16}) {
      const Outcome cut = Train(2, pieces, model);
      ASSERT_EQ(std::ssize(cut.losses), kSteps);
      for (int64_t i = 0; i < kSteps; ++i) {
        EXPECT_NEAR(cut.losses[i], whole.losses[i], 1e-5 * whole.losses[i]);
        EXPECT_NEAR(cut.norms[i], whole.norms[i], 1e-4 * whole.norms[i]);
      }
    }
    EXPECT_EQ(Train(2, 1, model), whole);
  }
}

TEST_F(SequencePiecesTest, RefusesWhatDoesNotGoTogether) {
  const auto refusal = [&](const ParallelismSpec& parallelism) {
    return std::string(PlanOf(parallelism, Models()[0]).status().message());
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
