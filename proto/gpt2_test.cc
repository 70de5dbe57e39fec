#include "proto/gpt2.h"

#include <set>

#include "gtest/gtest.h"
#include "proto/architecture.h"

namespace penstock {
namespace {

// openai-community/gpt2.
constexpr Gpt2Config kGpt2Small{.layers = 12,
                                .hidden = 768,
                                .heads = 12,
                                .sequence_length = 1024,
                                .vocabulary = 50257};

Gpt2Config Tiny(bool tied) {
  return {.layers = 1,
          .hidden = 4,
          .heads = 2,
          .sequence_length = 3,
          .vocabulary = 5,
          .tied_embeddings = tied};
}

std::string Describe(const std::vector<Parameter>& parameters) {
  std::string text;
  for (const Parameter& parameter : parameters) {
    text += parameter.name;
    for (const int64_t extent : parameter.shape) {
      text += ' ' + std::to_string(extent);
    }
    text += '\n';
  }
  return text;
}

// As GPT2LMHeadModel(config).state_dict() of transformers 4 lists them.
constexpr char kTinyUntied[] = R"(transformer.wte.weight 5 4
transformer.wpe.weight 3 4
transformer.h.0.ln_1.weight 4
transformer.h.0.ln_1.bias 4
transformer.h.0.attn.c_attn.weight 4 12
transformer.h.0.attn.c_attn.bias 12
transformer.h.0.attn.c_proj.weight 4 4
transformer.h.0.attn.c_proj.bias 4
transformer.h.0.ln_2.weight 4
transformer.h.0.ln_2.bias 4
transformer.h.0.mlp.c_fc.weight 4 16
transformer.h.0.mlp.c_fc.bias 16
transformer.h.0.mlp.c_proj.weight 16 4
transformer.h.0.mlp.c_proj.bias 4
transformer.ln_f.weight 4
transformer.ln_f.bias 4
lm_head.weight 5 4
)";

TEST(Gpt2Test, ParametersHaveHuggingFaceNamesShapesAndOrder) {
  EXPECT_EQ(Describe(AllParameters(Tiny(/*tied=*/false))), kTinyUntied);
  std::string tied = kTinyUntied;
  tied.resize(tied.find("lm_head"));
  EXPECT_EQ(Describe(AllParameters(Tiny(/*tied=*/true))), tied);
}

TEST(Gpt2Test, PublishedModelHas124439808Weights) {
  int64_t count = 0;
  for (const Parameter& p : AllParameters(kGpt2Small)) count += p.count();
  EXPECT_EQ(count, 124439808);
}

TEST(Gpt2Test, UnitsTogetherHoldEveryParameterOnceButTheTiedOneTwice) {
  for (const bool tied : {false, true}) {
    const Gpt2Config config = Tiny(tied);
    std::multiset<std::string> of_units;
    for (int64_t unit = 0; unit < UnitCount(config); ++unit) {
      for (const Parameter& p : UnitParameters(config, unit)) {
        of_units.insert(p.name);
      }
    }
    EXPECT_EQ(of_units.count("transformer.wte.weight"), tied ? 2 : 1);
    EXPECT_EQ(of_units.size(), AllParameters(config).size() + (tied ? 1 : 0));
  }
}

// 6 operations per weight of a matrix and token, as everybody counts, plus the
// attention's; blocks are equal.
TEST(Gpt2Test, BlockCostsThreeTimesItsProducts) {
  const int64_t tokens = 2 * kGpt2Small.sequence_length;
  int64_t weights = 0;
  for (const Parameter& p : UnitParameters(kGpt2Small, 1)) {
    if (p.shape.size() == 2) weights += p.count();
  }
  const UnitCost cost = CostOfUnit(kGpt2Small, 1, {.tokens = tokens});
  EXPECT_EQ(cost.weight_gradient_flops, 2.0 * weights * tokens);
  const double attention = 2.0 * tokens * 1024 * 768;
  EXPECT_EQ(cost.forward_flops, 2.0 * weights * tokens + attention);
  EXPECT_EQ(cost.input_gradient_flops, cost.forward_flops + 1.5 * attention);
  EXPECT_EQ(CostOfUnit(kGpt2Small, 12, {.tokens = tokens}).saved_bytes,
            cost.saved_bytes);
}

// Per token: qkv 3H, attention H, middle H, fc 4H, a log-sum-exp per head, two
// norms' mean and rstd; 4 bytes each. Rounding adds nothing at these sizes.
TEST(Gpt2Test, BlockKeepsNineRowsAToken) {
  const int64_t tokens = 1024;
  const UnitCost cost = CostOfUnit(kGpt2Small, 5, {.tokens = tokens});
  EXPECT_EQ(cost.saved_bytes, tokens * (9 * 768 + 12 + 4) * 4);
  EXPECT_EQ(cost.deferred_bytes, tokens * 14 * 768 * 4);
}

// Statistics and log-sum-exps stay float32.
TEST(Gpt2Test, InBf16TheRowsAreHalf) {
  const int64_t tokens = 1024;
  const UnitCost cost = CostOfUnit(
      kGpt2Small, 5, {.tokens = tokens, .precision = Precision::kBf16});
  EXPECT_EQ(cost.saved_bytes, tokens * (9 * 768 * 2 + (12 + 4) * 4));
  EXPECT_EQ(cost.deferred_bytes, tokens * 14 * 768 * 2);
  const UnitCost head = CostOfUnit(
      kGpt2Small, 13, {.tokens = tokens, .precision = Precision::kBf16});
  EXPECT_EQ(head.saved_bytes, tokens * 4);
  EXPECT_EQ(head.deferred_bytes, tokens * (768 * 2 + 2 * 4));
}

TEST(Gpt2Test, HeadNeverHoldsAllLogits) {
  const int64_t tokens = 8 * 1024;
  const UnitCost cost = CostOfUnit(kGpt2Small, 13, {.tokens = tokens});
  EXPECT_LT(cost.scratch_bytes, tokens * kGpt2Small.vocabulary * 4 / 50);
  EXPECT_EQ(cost.saved_bytes, tokens * 4);
  EXPECT_EQ(cost.deferred_bytes, tokens * (768 + 2) * 4);
}

TEST(Gpt2Test, HeadIsThreeProductsInTheInputGradientPass) {
  const UnitCost cost = CostOfUnit(kGpt2Small, 13, {.tokens = 1024});
  EXPECT_EQ(cost.forward_flops, 0);
  EXPECT_EQ(cost.input_gradient_flops, 6.0 * 1024 * 768 * 50257);
}

}  // namespace
}  // namespace penstock
