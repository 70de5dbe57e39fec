#include "kernels/arguments.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

float data[64] = {};

TEST(ArgumentsTest, NamesTheTensorThatDiffers) {
  const absl::Status status = CheckSameShape(
      "gelu", {{"x", Float32(data, 1, 2)}, {"out", Float32(data, 2, 1)}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "gelu: out is [2, 1], must be [1, 2]");
}

TEST(ArgumentsTest, RefusesNegativeSizesShortStridesAndNullData) {
  EXPECT_FALSE(CheckSameShape("op", {{"x", Float32(data, -1, 2)}}).ok());
  EXPECT_FALSE(CheckSameShape("op", {{"x", Float32(data, 1, -2)}}).ok());
  const ConstTensor overlapping{
      .data = data, .rows = 2, .cols = 3, .stride = 2};
  EXPECT_FALSE(CheckSameShape("op", {{"x", overlapping}}).ok());
  const float* const none = nullptr;
  EXPECT_FALSE(CheckSameShape("op", {{"x", Float32(none, 1, 1)}}).ok());
  EXPECT_TRUE(CheckSameShape("op", {{"x", Float32(none, 0, 1)}}).ok());
}

TEST(ArgumentsTest, MatmulTransposesBeforeItCompares) {
  MatmulArgs args{.a = Float32(data, 2, 3),
                  .b = Float32(data, 3, 4),
                  .c = Float32(data, 2, 4)};
  EXPECT_TRUE(CheckMatmul(args).ok());
  args.transpose_a = true;
  EXPECT_EQ(CheckMatmul(args).message(),
            "matmul: op(a) is [3, 2] and op(b) [3, 4]; the inner sizes must be "
            "equal");
  args.a = Float32(data, 3, 2);
  EXPECT_TRUE(CheckMatmul(args).ok());
  args.transpose_b = true;
  args.b = Float32(data, 4, 3);
  EXPECT_TRUE(CheckMatmul(args).ok());
  args.c = Float32(data, 4, 2);
  EXPECT_EQ(CheckMatmul(args).message(), "matmul: c is [4, 2], must be [2, 4]");
}

TEST(ArgumentsTest, MatmulAccumulatesWithoutBiasOrAddend) {
  MatmulArgs args{.a = Float32(data, 2, 3),
                  .b = Float32(data, 3, 4),
                  .c = Float32(data, 2, 4),
                  .accumulate = true};
  EXPECT_TRUE(CheckMatmul(args).ok());
  args.bias = data;
  EXPECT_FALSE(CheckMatmul(args).ok());
}

TEST(ArgumentsTest, EmbeddingNeedsAPositionForEveryRow) {
  const ConstTensor table = Float32(data, 5, 2);
  const TensorArgument rows{"out", Float32(data, 6, 2)};
  EXPECT_TRUE(CheckEmbedding("embedding", 5, table, table, rows).ok());
  EXPECT_FALSE(CheckEmbedding("embedding", 6, table, table, rows).ok());
  EXPECT_FALSE(CheckEmbedding("embedding", 0, table, table, rows).ok());
  EXPECT_TRUE(CheckEmbedding("embedding", 6, table, {}, rows).ok());
}

TEST(ArgumentsTest, AttentionSharesKeysInEqualGroups) {
  AttentionShape shape{
      .batch = 1, .sequence = 2, .heads = 4, .head_dim = 2, .kv_heads = 2};
  const TensorArgument q{"q", Float32(data, 2, 8)};
  const TensorArgument k{"k", Float32(data, 2, 4)};
  EXPECT_TRUE(CheckAttention("attention", shape, {q}, {k}).ok());
  EXPECT_FALSE(CheckAttention("attention", shape, {q}, {q}).ok());
  shape.kv_heads = 3;
  EXPECT_EQ(CheckAttention("attention", shape, {q}, {k}).message(),
            "attention: kv_heads 3 must divide the 4 heads");
}

TEST(ArgumentsTest, RopeTurnsPairsOfWholeHeads) {
  const double frequencies[] = {1, 0.1};
  RopeShape shape{
      .sequence = 3, .head_dim = 4, .before = 0, .frequencies = frequencies};
  EXPECT_TRUE(CheckRope("rope", shape, {"x", Float32(data, 2, 4)}).ok());
  EXPECT_EQ(CheckRope("rope", shape, {"x", Float32(data, 2, 6)}).message(),
            "rope: x has 6 columns, must be a multiple of head_dim 4");
  shape.head_dim = 3;
  EXPECT_FALSE(CheckRope("rope", shape, {"x", Float32(data, 2, 3)}).ok());
  shape.head_dim = 4;
  shape.frequencies = nullptr;
  EXPECT_FALSE(CheckRope("rope", shape, {"x", Float32(data, 2, 4)}).ok());
}

TEST(ArgumentsTest, RoundsFloat32ToBFloat16) {
  const Tensor wide = Float32(data, 2, 3);
  Tensor narrow = wide;
  narrow.type = DataType::kBFloat16;
  EXPECT_TRUE(CheckRound(wide, narrow).ok());
  EXPECT_FALSE(CheckRound(narrow, wide).ok());
  EXPECT_EQ(CheckRound(wide, wide).message(),
            "round: x must be float32 and out bfloat16");
  narrow.rows = 1;
  EXPECT_EQ(CheckRound(wide, narrow).message(),
            "round: out is [1, 3], must be [2, 3]");
}

TEST(ArgumentsTest, AdamWCountsStepsFromOne) {
  AdamWArgs args{.beta1 = 0.9f, .beta2 = 0.95f, .epsilon = 1e-8f, .step = 1};
  EXPECT_TRUE(CheckAdamW(args).ok());
  args.step = 0;
  EXPECT_FALSE(CheckAdamW(args).ok());
  args.step = 1;
  args.beta2 = 1;
  EXPECT_FALSE(CheckAdamW(args).ok());
}

}  // namespace
}  // namespace penstock
