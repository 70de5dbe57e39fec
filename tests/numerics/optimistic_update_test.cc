// Updates that do not wait for the global norm give the bits of those that do:
// losses, norms, final weights and checkpoints on the way, whether clipping
// never, sometimes or always makes an update be redone.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/file/weight_hash.h"
#include "tests/numerics/small_job.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSteps = 6;

// Norms are spread over the steps: half of them are clipped at their median.
enum class Clip { kNever, kSometimes, kAlways };

class OptimisticUpdateTest : public SmallJobTest {
 protected:
  JobSpec Spec(int64_t pipeline, const std::string& schedule,
               bool optimistic) const {
    JobSpec spec = SpecOf(Gpt2Config{.layers = 6,
                                     .hidden = 16,
                                     .heads = 2,
                                     .sequence_length = 8,
                                     .vocabulary = 61});
    spec.optimizer.clip_norm = 0;
    spec.batch.micro_batch_size = 1;
    spec.parallelism = {.pipeline = pipeline,
                        .data = 1,
                        .schedule = schedule,
                        .optimistic_update = optimistic};
    spec.checkpoint = {.every_steps = 2, .keep = kSteps};
    spec.steps = kSteps;
    return spec;
  }

  struct Steps : Outcome {
    std::vector<std::string> checkpoints;  // Hashes, in the order of the steps.

    bool operator==(const Steps& other) const {
      return Outcome::operator==(other) && checkpoints == other.checkpoints;
    }
  };

  Steps TrainSteps(const Plan& plan,
                   const InProcessOptions& options = {}) const {
    Steps steps{Train(plan, options)};
    std::vector<std::string> paths;
    for (const auto& entry :
         fs::directory_iterator(plan.checkpoint_directory)) {
      paths.push_back(entry.path().string());
    }
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) {
      const auto hash = HashWeights(path);
      EXPECT_TRUE(hash.ok()) << hash.status();
      steps.checkpoints.push_back(hash.value_or(""));
    }
    return steps;
  }

  // The same job in both ways.
  void ExpectTheSameBits(JobSpec spec, Clip clip) const {
    if (clip == Clip::kAlways) spec.optimizer.clip_norm = 1e-3;
    if (clip == Clip::kSometimes) spec.optimizer.clip_norm = MedianNorm(spec);
    spec.parallelism.optimistic_update = false;
    const Steps expected = TrainSteps(PlanOf(spec));
    ASSERT_EQ(std::ssize(expected.losses), kSteps);
    ASSERT_EQ(std::ssize(expected.checkpoints), kSteps / 2);
    const auto clipped = std::count_if(
        expected.norms.begin(), expected.norms.end(), [&](double norm) {
          return clip != Clip::kNever && norm > spec.optimizer.clip_norm;
        });
    switch (clip) {
      case Clip::kNever:
        EXPECT_EQ(clipped, 0);
        break;
      case Clip::kSometimes:
        EXPECT_GT(clipped, 0);
        EXPECT_LT(clipped, kSteps);
        break;
      case Clip::kAlways:
        EXPECT_EQ(clipped, kSteps);
    }
    spec.parallelism.optimistic_update = true;
    EXPECT_EQ(TrainSteps(PlanOf(spec)), expected);
  }

 private:
  double MedianNorm(JobSpec spec) const {
    spec.parallelism.optimistic_update = false;
    std::vector<double> norms = TrainSteps(PlanOf(spec)).norms;
    EXPECT_EQ(std::ssize(norms), kSteps);
    std::sort(norms.begin(), norms.end());
    return norms.empty() ? 1 : norms[norms.size() / 2];
  }
};

TEST_F(OptimisticUpdateTest, GivesTheBitsOfUpdatesThatWait) {
  for (const Clip clip : {Clip::kNever, Clip::kSometimes, Clip::kAlways}) {
    for (const int64_t pipeline : {1, 2, 4}) {
      for (const char* schedule : {"naive", "gpipe", "1f1b"}) {
        SCOPED_TRACE(testing::Message()
                     << "clip " << static_cast<int>(clip) << " pipeline "
                     << pipeline << " " << schedule);
        ExpectTheSameBits(Spec(pipeline, schedule, true), clip);
      }
    }
  }
}

// Several stages per rank, backward in two halves, two copies of the model, and
// forward passes that are made again.
TEST_F(OptimisticUpdateTest, GivesThemOnEveryPlacement) {
  for (const Clip clip : {Clip::kSometimes, Clip::kAlways}) {
    for (const char* schedule :
         {"interleaved-1f1b", "zb-h2", "zbv", "chimera", "dualpipev"}) {
      SCOPED_TRACE(testing::Message()
                   << "clip " << static_cast<int>(clip) << " " << schedule);
      ExpectTheSameBits(Spec(2, schedule, true), clip);
    }
    SCOPED_TRACE(testing::Message() << "clip " << static_cast<int>(clip));
    JobSpec spec = Spec(3, "1f1b", true);
    spec.parallelism.recompute = Recompute::kAlways;
    ExpectTheSameBits(spec, clip);
  }
}

TEST_F(OptimisticUpdateTest, GivesThemWithReplicasAndTiedEmbeddings) {
  for (const Clip clip : {Clip::kNever, Clip::kSometimes, Clip::kAlways}) {
    for (const bool tied : {false, true}) {
      SCOPED_TRACE(testing::Message()
                   << "clip " << static_cast<int>(clip) << " tied " << tied);
      JobSpec spec = Spec(2, "1f1b", true);
      std::get<Gpt2Config>(std::get<Architecture>(spec.model.architecture))
          .tied_embeddings = tied;
      spec.parallelism.data = 2;
      ExpectTheSameBits(spec, clip);
    }
  }
}

TEST_F(OptimisticUpdateTest, LinksGiveTheSameBits) {
  JobSpec spec = Spec(3, "1f1b", true);
  spec.optimizer.clip_norm = 1e-3;
  const Steps local = TrainSteps(PlanOf(spec));
  EXPECT_EQ(TrainSteps(PlanOf(spec), {.link = LinkKind::kGrpc}), local);
}

// The step that is being made when the leader decides becomes the last.
TEST_F(OptimisticUpdateTest, APauseAndResumeGiveTheSameBits) {
  JobSpec spec = Spec(2, "1f1b", true);
  spec.optimizer.clip_norm = 1e-3;
  const Steps whole = TrainSteps(PlanOf(spec));
  spec.name = "first";
  const Steps first = TrainSteps(PlanOf(spec), {.pause_after_step = 2});
  ASSERT_EQ(std::ssize(first.losses), 3);
  spec.name = "second";
  Plan plan = PlanOf(spec);
  plan.start = {.step = 3, .checkpoint = first.checkpoint};
  const Steps second = TrainSteps(plan);
  EXPECT_EQ(second.losses.size() + first.losses.size(), whole.losses.size());
  EXPECT_EQ(second.losses.back(), whole.losses.back());
  EXPECT_EQ(second.checkpoints.back(), whole.checkpoints.back());
}

TEST_F(OptimisticUpdateTest, ALossThatIsNotFiniteEndsTheJobAndNamesTheStep) {
  for (const int64_t pipeline : {1, 3}) {
    JobSpec spec = Spec(pipeline, "1f1b", true);
    spec.optimizer.learning_rate = 1e30;
    const auto result = RunInProcess(PlanOf(spec), {.root = root_});
    EXPECT_TRUE(absl::IsOutOfRange(result.status()) ||
                absl::IsUnavailable(result.status()))
        << result.status();
    EXPECT_NE(result.status().message().find("training diverged in step 2"),
              std::string::npos)
        << result.status();
  }
}

}  // namespace
}  // namespace penstock
