// Against what others have published of the same models.

#include "tests/gpu/flops.h"

#include "gtest/gtest.h"

namespace penstock::gpu {
namespace {

Architecture Gpt2(int64_t layers, int64_t hidden, int64_t heads) {
  return Gpt2Config{.layers = layers,
                    .hidden = hidden,
                    .heads = heads,
                    .sequence_length = 1024,
                    .vocabulary = 50304};
}

Architecture Llama8b(int64_t sequence_length) {
  return LlamaConfig{.layers = 32,
                     .hidden = 4096,
                     .heads = 32,
                     .kv_heads = 8,
                     .head_dim = 128,
                     .intermediate = 14336,
                     .sequence_length = sequence_length,
                     .vocabulary = 128256};
}

TEST(FlopsTest, CountsTheMatricesOfAGpt2AndItsTiedHeadOnce) {
  EXPECT_EQ(ProductWeights(Gpt2(12, 768, 12)),
            12 * 12 * 768 * 768 + 50304 * 768);
}

// Megatron-Bridge: 744 TFLOP/s at 14451 tokens/s in sequences of 8192.
TEST(FlopsTest, ALlama8bNeedsWhatMegatronBridgeCounts) {
  EXPECT_NEAR(static_cast<double>(ProductWeights(Llama8b(8192))), 7.505e9, 1e6);
  const double flops = FlopsPerToken(Llama8b(8192), Counting::kCausal);
  EXPECT_NEAR(flops, 51.47e9, 5e6);
  EXPECT_NEAR(flops * 14451, 744e12, 1e12);
}

// torchtitan: 6667 tokens/s are 39.0 % of 989 TFLOP/s.
TEST(FlopsTest, ALlama8bHasTorchtitansUtilizationInFull) {
  EXPECT_NEAR(Mfu(6667, FlopsPerToken(Llama8b(8192), Counting::kFull)), 0.390,
              5e-4);
}

// llm.c counts all parameters of a GPT-2, which are 0.7 % more: its position
// table is looked up.
TEST(FlopsTest, AGpt2NeedsLlmCsOperationsWithoutItsTables) {
  EXPECT_NEAR(FlopsPerToken(Gpt2(12, 768, 12), Counting::kCausal), 0.8035e9,
              0.008 * 0.8035e9);
  EXPECT_NEAR(FlopsPerToken(Gpt2(48, 1600, 25), Counting::kCausal), 9.818e9,
              0.002 * 9.818e9);
  EXPECT_NEAR(FlopsPerToken(Gpt2(48, 1600, 25), Counting::kFull), 10.290e9,
              0.002 * 10.29e9);
}

}  // namespace
}  // namespace penstock::gpu
