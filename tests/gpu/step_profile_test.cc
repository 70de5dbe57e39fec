// The layers' own steps against what a transformer needs.

#include "tests/gpu/step_profile.h"

#include <string_view>

#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "tests/gpu/flops.h"
#include "tests/gpu/same_calls.h"

namespace penstock::gpu {
namespace {

const BatchSpec kBatch{.micro_batch_size = 2, .micro_batches = 3};

Workload Gpt2() {
  return {.name = "gpt2",
          .model = Gpt2Config{.layers = 3,
                              .hidden = 64,
                              .heads = 2,
                              .sequence_length = 32,
                              .vocabulary = 96},
          .batch = kBatch};
}

Workload Llama() {
  return {.name = "llama",
          .model = LlamaConfig{.layers = 3,
                               .hidden = 64,
                               .heads = 4,
                               .kv_heads = 2,
                               .head_dim = 24,
                               .intermediate = 160,
                               .sequence_length = 32,
                               .vocabulary = 96},
          .batch = kBatch};
}

StepProfile Count(const Workload& workload) {
  const auto profile = ProfileStep(workload, {.kind = "cuda"});
  EXPECT_TRUE(profile.ok()) << profile.status();
  return profile.ok() ? *profile : StepProfile{};
}

struct Sum {
  int64_t calls = 0;
  int64_t flops = 0;
  int64_t bytes = 0;
};

// Of operations whose name has `part`.
Sum SumOf(const StepProfile& profile, std::string_view part) {
  Sum sum;
  for (const auto& [call, count] : profile.calls) {
    if (call.operation.find(part) == std::string::npos) continue;
    sum.calls += count.calls;
    sum.flops += count.calls * call.work.flops;
    sum.bytes += count.calls * call.work.bytes;
  }
  return sum;
}

int64_t WeightsOf(const Workload& workload) {
  int64_t count = 0;
  for (const Parameter& parameter : AllParameters(workload.model)) {
    count += parameter.count();
  }
  return count;
}

class StepProfileTest : public testing::TestWithParam<Workload> {};

// Two operations forward, two for each gradient, for each weight that a token
// meets.
TEST_P(StepProfileTest, ProductsAreSixTimesWeightsTimesTokens) {
  const StepProfile profile = Count(GetParam());
  const int64_t weights = ProductWeights(GetParam().model);
  const int64_t tokens = profile.tokens();
  EXPECT_EQ(tokens, 2 * 3 * 32);
  EXPECT_EQ(SumOf(profile, " forward ").flops, 2 * weights * tokens);
  EXPECT_EQ(SumOf(profile, " input gradient ").flops, 2 * weights * tokens);
  EXPECT_EQ(SumOf(profile, " weight gradient ").flops, 2 * weights * tokens);
  // All products are some weight's.
  EXPECT_EQ(SumOf(profile, "product").calls, 0);
}

// MFU counts six, a backward pass that keeps no scores makes one more.
TEST_P(StepProfileTest, AttentionIsSevenTimesWidthTimesSequence) {
  const StepProfile profile = Count(GetParam());
  const int64_t width = ShapeOfBlock(GetParam().model).q_width();
  EXPECT_EQ(SumOf(profile, "Attention").flops,
            /*layers=*/3 * 7 * width * /*sequence=*/32 * profile.tokens());
}

TEST_P(StepProfileTest, EachWeightIsUpdatedOnce) {
  const StepProfile profile = Count(GetParam());
  const int64_t weights = WeightsOf(GetParam());
  int64_t rounded = 0;
  for (const Parameter& parameter : AllParameters(GetParam().model)) {
    rounded += RoundedBytes(parameter, Precision::kBf16);
  }
  EXPECT_EQ(SumOf(profile, "AdamW").bytes, 28 * weights + rounded);
  EXPECT_EQ(SumOf(profile, "Round").calls, 0);
  EXPECT_EQ(SumOf(profile, "SumsOfSquares").bytes, 4 * weights);
}

INSTANTIATE_TEST_SUITE_P(Models, StepProfileTest,
                         testing::Values(Gpt2(), Llama()),
                         [](const auto& info) { return info.param.name; });

// Its inputs and outputs are [64, 64], two of each block and the head's.
TEST(StepProfileOfGpt2Test, NormsReadAndWriteBfloat16) {
  const Sum norms = SumOf(Count(Gpt2()), "LayerNormBackwardInput");
  const int64_t tensor = 2 * 64 * 64;
  const int64_t vectors = 4 * (64 + 64 + 64);
  EXPECT_EQ(norms.calls, (2 * 3 + 1) * /*micro-batches=*/3);
  // The residual is added in each block's.
  EXPECT_EQ(norms.bytes,
            3 * (6 * (4 * tensor + vectors) + 3 * tensor + vectors));
}

// The table has one gradient as the embedding and one as the head.
TEST(StepProfileOfGpt2Test, GradientsOfTheTiedTableAreAddedUp) {
  EXPECT_EQ(SumOf(Count(Gpt2()), "Accumulate").bytes, 12 * 96 * 64);
}

// A model larger than the machine takes no memory to count.
TEST(StepProfileOfGpt2Test, GptXlIsCountedAnywhere) {
  const StepProfile profile = Count(Workloads(/*small=*/false)[1]);
  EXPECT_EQ(SumOf(profile, "attn.c_attn forward").flops,
            2 * int64_t{48} * 1600 * 4800 * 32768);
}

TEST(StepProfileOfGpt2Test, ADeviceIsAskedForWhatWasCountedWithoutOne) {
  const auto counted = ProfileStep(Gpt2(), {});
  const auto timed = ProfileStep(Gpt2(), {.make_backend = MakeCpuBackend});
  ExpectSameCalls(counted, timed);
}

}  // namespace
}  // namespace penstock::gpu
