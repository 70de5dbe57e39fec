// Counts by hand: each expectation spells the tensors out.

#include "tests/gpu/counting_backend.h"

#include <array>
#include <memory>

#include "gtest/gtest.h"
#include "tests/gpu/idle_backend.h"

namespace penstock::gpu {
namespace {

constexpr DataType kBf16 = DataType::kBFloat16;

// Addresses that nobody looks at.
std::array<std::byte, 16> memory;

Tensor At(int place, int64_t rows, int64_t cols, DataType type = kBf16) {
  return {&memory[place], rows, cols, cols, type};
}

float* Floats() { return reinterpret_cast<float*>(memory.data()); }

class CountingBackendTest : public testing::Test {
 protected:
  CountingBackendTest() {
    EXPECT_TRUE(counting_.Begin(CountingBackend::Mode::kCount).ok());
  }

  // The work of the only calls that were noted.
  Work Only(std::string_view operation, int64_t calls = 1) {
    EXPECT_EQ(counting_.calls().size(), 1u);
    const auto& [call, count] = *counting_.calls().begin();
    EXPECT_EQ(call.operation, operation);
    EXPECT_EQ(count.calls, calls);
    return call.work;
  }

  const std::unique_ptr<Backend> idle_ = MakeIdleBackend();
  CountingBackend counting_{*idle_};
};

TEST_F(CountingBackendTest, AProductReadsItsFactorsAndWritesItsResult) {
  ASSERT_TRUE(
      counting_.Matmul({.a = At(0, 6, 4), .b = At(1, 4, 10), .c = At(2, 6, 10)})
          .ok());
  const Work work = Only("product 6x10x4");
  EXPECT_EQ(work.unit, Unit::kProduct);
  EXPECT_EQ(work.width, 4);
  EXPECT_EQ(work.flops, 2 * 6 * 10 * 4);
  EXPECT_EQ(work.bytes, 2 * (6 * 4 + 4 * 10 + 6 * 10));
}

TEST_F(CountingBackendTest, AnAddendIsReadToo) {
  ASSERT_TRUE(counting_
                  .Matmul({.a = At(0, 6, 4),
                           .b = At(1, 4, 10),
                           .c = At(2, 6, 10),
                           .addend = At(3, 6, 10)})
                  .ok());
  EXPECT_EQ(Only("product 6x10x4").bytes,
            2 * (6 * 4 + 4 * 10 + 6 * 10 + 6 * 10));
}

TEST_F(CountingBackendTest, AWeightGradientReadsWhatItAddsTo) {
  counting_.Name(&memory[2], {.name = "c_fc"});
  ASSERT_TRUE(counting_
                  .Matmul({.a = At(0, 6, 4),
                           .b = At(1, 6, 10),
                           .c = At(2, 4, 10, DataType::kFloat32),
                           .transpose_a = true,
                           .accumulate = true})
                  .ok());
  const Work work = Only("c_fc weight gradient 4x10x6");
  EXPECT_EQ(work.flops, 2 * 4 * 10 * 6);
  EXPECT_EQ(work.bytes, 2 * (6 * 4 + 6 * 10) + 2 * 4 * (4 * 10));
}

TEST_F(CountingBackendTest, ATransposedWeightIsForwardOrInputGradient) {
  for (const bool out_first : {true, false}) {
    ASSERT_TRUE(counting_.Begin(CountingBackend::Mode::kCount).ok());
    counting_.Name(&memory[1], {.name = "weight", .out_first = out_first});
    ASSERT_TRUE(counting_
                    .Matmul({.a = At(0, 6, 4),
                             .b = At(1, 10, 4),
                             .c = At(2, 6, 10),
                             .transpose_b = true})
                    .ok());
    Only(out_first ? "weight forward 6x10x4" : "weight input gradient 6x10x4");
  }
}

// Rows that lie apart do not make it read what lies between them.
TEST_F(CountingBackendTest, LayerNormReadsRowsAndWritesRowsAndStatistics) {
  Tensor x = At(0, 3, 5);
  x.stride = 8;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(counting_
                    .LayerNorm(x, Floats(), Floats(), 1e-5f, At(1, 3, 5),
                               Floats(), Floats())
                    .ok());
  }
  const Work work = Only("LayerNorm", /*calls=*/2);
  // x and out; gain and bias; mean and rstd.
  EXPECT_EQ(work.bytes, 2 * (3 * 5 + 3 * 5) + 4 * (5 + 5) + 4 * (3 + 3));
  EXPECT_EQ(work.flops, 0);
}

TEST_F(CountingBackendTest, AnAbsentAddendIsNotRead) {
  ASSERT_TRUE(counting_
                  .LayerNormBackwardInput(At(0, 3, 5), At(1, 3, 5), Floats(),
                                          Floats(), Floats(), {}, At(2, 3, 5))
                  .ok());
  EXPECT_EQ(Only("LayerNormBackwardInput").bytes,
            2 * (3 * 3 * 5) + 4 * (3 + 3) + 4 * 5);
}

TEST_F(CountingBackendTest, GeluBackwardAddsToTheGradientOfABias) {
  ASSERT_TRUE(counting_
                  .GeluBackward(At(0, 3, 8), At(1, 3, 8), At(2, 3, 8),
                                At(3, 3, 8), Floats())
                  .ok());
  // dout and x are read, dx and out written; a float per column is both.
  EXPECT_EQ(Only("GeluBackward").bytes, 2 * (4 * 3 * 8) + 2 * 4 * 8);
}

// Per token and layer 2 T C forward and 5 T C backward, C = heads x head_dim.
TEST_F(CountingBackendTest, AttentionSeesHalfOfThePairs) {
  const AttentionShape shape{
      .batch = 3, .sequence = 32, .heads = 4, .head_dim = 8, .kv_heads = 2};
  const int64_t tokens = 3 * 32;
  const int64_t width = 4 * 8;
  const Work forward = WorkOfAttention(shape, kBf16);
  EXPECT_EQ(forward.flops, tokens * 2 * 32 * width);
  // q and out, half as wide k and v, lse.
  EXPECT_EQ(forward.bytes,
            tokens * (2 * (2 * width + 2 * width / 2) + 4 * /*heads=*/4));
  const Work backward = WorkOfAttentionBackward(shape, kBf16);
  EXPECT_EQ(backward.flops, tokens * 5 * 32 * width);
  EXPECT_EQ(backward.bytes,
            tokens * (2 * (4 * width + 4 * width / 2) + 4 * /*heads=*/4));
}

TEST_F(CountingBackendTest, ALaterPieceSeesAllTokensBeforeIt) {
  const AttentionShape shape{
      .batch = 1, .sequence = 8, .heads = 1, .head_dim = 2, .before = 24};
  // Two products of 2 columns, two operations each.
  EXPECT_EQ(WorkOfAttention(shape, kBf16).flops,
            2 * 2 * 2 * (8 * 24 + 8 * 8 / 2));
}

TEST_F(CountingBackendTest, AdamWReadsFourFloatsAndWritesThree) {
  ASSERT_TRUE(counting_.AdamW({.count = 100}).ok());
  EXPECT_EQ(Only("AdamW").bytes, 28 * 100);
}

TEST_F(CountingBackendTest, ATableIsReadWhereItIsLookedUp) {
  ASSERT_TRUE(counting_
                  .Embedding(nullptr, /*sequence=*/4, At(0, 100, 8),
                             At(1, 16, 8), At(2, 12, 8))
                  .ok());
  // out, tokens, their rows of one table and the positions' of the other.
  EXPECT_EQ(Only("Embedding").bytes,
            2 * 12 * 8 + 4 * 12 + 2 * 12 * 8 + 2 * 4 * 8);
}

TEST_F(CountingBackendTest, NothingIsNotedInPassing) {
  ASSERT_TRUE(counting_.Begin(CountingBackend::Mode::kPass).ok());
  ASSERT_TRUE(counting_.AdamW({.count = 100}).ok());
  EXPECT_TRUE(counting_.calls().empty());
}

TEST_F(CountingBackendTest, TheSameWorkUnderTwoNamesIsTwoCalls) {
  ASSERT_TRUE(counting_.Gelu(At(0, 2, 2), At(1, 2, 2)).ok());
  ASSERT_TRUE(counting_.Copy(&memory[0], &memory[8], 8).ok());
  EXPECT_EQ(counting_.calls().size(), 2u);
}

TEST(RatesTest, AProductIsAsFastAsItIsWide) {
  const Rates rates;
  EXPECT_EQ(rates.Product(16), rates.narrow_product);
  EXPECT_EQ(rates.Product(768), rates.narrow_product);
  EXPECT_EQ(rates.Product(4096), rates.wide_product);
  EXPECT_EQ(rates.Product(8192), rates.wide_product);
  // Half way by the logarithm.
  EXPECT_NEAR(rates.Product(1774),
              (rates.narrow_product + rates.wide_product) / 2, 0.1);
}

TEST(RatesTest, TheSlowerOfComputingAndMovingCounts) {
  const Rates rates{.narrow_product = 100, .wide_product = 100, .memory = 2};
  const Work computes{.unit = Unit::kProduct,
                      .width = 64,
                      .flops = 400'000'000'000'000,
                      .bytes = 1};
  EXPECT_DOUBLE_EQ(SecondsOf(computes, rates), 4);
  const Work moves{.unit = Unit::kProduct,
                   .width = 64,
                   .flops = 1,
                   .bytes = 6'000'000'000'000};
  EXPECT_DOUBLE_EQ(SecondsOf(moves, rates), 3);
  const Work attention{.unit = Unit::kAttentionBackward,
                       .width = 128,
                       .flops = 474'000'000'000'000};
  EXPECT_DOUBLE_EQ(SecondsOf(attention, rates), 1);
}

}  // namespace
}  // namespace penstock::gpu
