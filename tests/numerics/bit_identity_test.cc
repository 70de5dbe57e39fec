// The promise of DESIGN section 4: loss, norm and final weights have the same
// bits at every pipeline width, under every schedule, over every link, and
// after a pause and resume at another width. Replicas add in another order, so
// they are held to a tolerance.

#include <unistd.h>

#include <cmath>
#include <cstdint>
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

class BitIdentityTest : public testing::Test {
 protected:
  BitIdentityTest() {
    root_ = testing::TempDir() + fmt::format("/bits-{}", ::getpid());
    std::filesystem::create_directories(root_);
    std::string tokens;
    for (int i = 0; i < 4096; ++i) {
      tokens.push_back(static_cast<char>(i * i % 61));
      tokens.push_back('\0');
    }
    EXPECT_TRUE(WriteFileAtomically(root_ + "/tokens.bin", tokens).ok());
  }
  ~BitIdentityTest() override { std::filesystem::remove_all(root_); }

  JobSpec Spec(int64_t pipeline, const std::string& schedule, bool tied) const {
    JobSpec spec;
    spec.name = fmt::format("p{}-{}", pipeline, schedule);
    spec.model.architecture = Gpt2Config{.layers = 3,
                                         .hidden = 24,
                                         .heads = 3,
                                         .sequence_length = 16,
                                         .vocabulary = 61,
                                         .tied_embeddings = tied};
    spec.data.tokens = root_ + "/tokens.bin";
    spec.optimizer.learning_rate = 1e-2;
    spec.batch = {.micro_batch_size = 2, .micro_batches = 4};
    spec.parallelism = {.pipeline = pipeline, .data = 1, .schedule = schedule};
    spec.steps = kSteps;
    return spec;
  }

  Plan PlanOf(const JobSpec& spec) const {
    const std::vector<DeviceShape> devices(
        spec.parallelism.pipeline * spec.parallelism.data,
        {.memory_bytes = int64_t{1} << 32, .flops_per_second = 1e11});
    absl::StatusOr<Plan> plan = MakePlan(spec, devices, LinkShape{});
    EXPECT_TRUE(plan.ok()) << plan.status();
    plan->checkpoint_directory =
        fmt::format("{}/{}-d{}", root_, spec.name, spec.parallelism.data);
    return *std::move(plan);
  }

  struct Outcome {
    std::vector<double> losses;
    std::vector<double> norms;
    std::string hash;
    std::string checkpoint;

    bool operator==(const Outcome& other) const {
      return losses == other.losses && norms == other.norms &&
             hash == other.hash;
    }
  };

  Outcome Train(const Plan& plan, InProcessOptions options = {}) const {
    options.root = root_;
    const auto result = RunInProcess(plan, options);
    EXPECT_TRUE(result.ok()) << result.status();
    Outcome outcome;
    if (!result.ok()) return outcome;
    for (const StepMetrics& metrics : result->metrics) {
      outcome.losses.push_back(metrics.loss);
      outcome.norms.push_back(metrics.grad_norm);
    }
    outcome.checkpoint = result->progress.checkpoint;
    const auto hash = HashWeights(outcome.checkpoint);
    EXPECT_TRUE(hash.ok()) << hash.status();
    outcome.hash = hash.value_or("");
    return outcome;
  }

  std::string root_;
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

TEST_F(BitIdentityTest, LinksGiveTheSameBits) {
  const Plan plan = PlanOf(Spec(3, "1f1b", /*tied=*/true));
  EXPECT_EQ(Train(plan, {.link = LinkKind::kGrpc}),
            Train(plan, {.link = LinkKind::kLocal}));
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
    }
  }
}

}  // namespace
}  // namespace penstock
