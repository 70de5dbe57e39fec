// Every link gives a job on CUDA devices the same bits, and the whole runtime
// keeps the host's hands off the device's memory, which the emulator closes to
// it.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "proto/file/weight_hash.h"
#include "tests/gpu/random_job.h"
#include "tests/in_process/in_process_job.h"

namespace penstock {
namespace {

constexpr int64_t kVocabulary = 31;

class EmulatedCudaTest : public testing::Test {
 protected:
  // The hash of the weights after two steps.
  std::string Train(const ParallelismSpec& parallelism, LinkKind link) const {
    JobSpec spec = tokens_->Spec("job", Gpt2Config{.layers = 1,
                                                   .hidden = 16,
                                                   .heads = 1,
                                                   .sequence_length = 8,
                                                   .vocabulary = kVocabulary});
    spec.batch = {.micro_batch_size = 1, .micro_batches = 2 / parallelism.data};
    spec.parallelism = parallelism;
    spec.steps = 2;
    const auto plan = gpu::PlanOf(*tokens_, spec, "cuda");
    EXPECT_TRUE(plan.ok()) << plan.status();
    const auto result = RunInProcess(
        *plan,
        {.make_backend = [] { return MakeCudaBackend(0); },
         .make_copies = [] { return MakeCudaCopyQueue(0, absl::Seconds(60)); },
         .link = link,
         .root = tokens_->directory()});
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return "";
    return HashWeights(result->progress.checkpoint).value_or("");
  }

  const absl::StatusOr<gpu::RandomTokens> tokens_ =
      gpu::RandomTokens::Create(kVocabulary, 4096);
};

TEST_F(EmulatedCudaTest, LinksGiveTheSameBits) {
  const std::string expected = Train({.pipeline = 1}, LinkKind::kLocal);
  ASSERT_FALSE(expected.empty());
  for (const LinkKind link : {LinkKind::kGrpc, LinkKind::kNccl}) {
    EXPECT_EQ(Train({.pipeline = 2}, link), expected) << static_cast<int>(link);
  }
}

TEST_F(EmulatedCudaTest, ReplicasSumToTheSameBitsByNccl) {
  const ParallelismSpec replicas{.pipeline = 1, .data = 2};
  const std::string expected = Train(replicas, LinkKind::kLocal);
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(Train(replicas, LinkKind::kNccl), expected);
}

TEST_F(EmulatedCudaTest, AnOptimisticUpdateKeepsTheBits) {
  const std::string expected = Train({.pipeline = 1}, LinkKind::kLocal);
  EXPECT_EQ(
      Train({.pipeline = 2, .schedule = "zb-h2", .optimistic_update = true},
            LinkKind::kLocal),
      expected);
}

}  // namespace
}  // namespace penstock
