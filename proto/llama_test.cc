#include "proto/llama.h"

#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"
#include "proto/architecture.h"

namespace penstock {
namespace {

// meta-llama/Llama-3.1-8B.
LlamaConfig Llama8B() {
  return {.layers = 32,
          .hidden = 4096,
          .heads = 32,
          .kv_heads = 8,
          .head_dim = 128,
          .intermediate = 14336,
          .sequence_length = 8192,
          .vocabulary = 128256,
          .rope_theta = 500000,
          .rms_norm_epsilon = 1e-5,
          .rope_scaling = RopeScaling{.factor = 8,
                                      .low_frequency_factor = 1,
                                      .high_frequency_factor = 4,
                                      .original_sequence_length = 8192}};
}

LlamaConfig Tiny(bool tied) {
  return {.layers = 1,
          .hidden = 6,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 2,
          .intermediate = 5,
          .sequence_length = 3,
          .vocabulary = 7,
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

// As LlamaForCausalLM(config).state_dict() of transformers 4 lists them.
constexpr char kTinyUntied[] = R"(model.embed_tokens.weight 7 6
model.layers.0.self_attn.q_proj.weight 8 6
model.layers.0.self_attn.k_proj.weight 4 6
model.layers.0.self_attn.v_proj.weight 4 6
model.layers.0.self_attn.o_proj.weight 6 8
model.layers.0.mlp.gate_proj.weight 5 6
model.layers.0.mlp.up_proj.weight 5 6
model.layers.0.mlp.down_proj.weight 6 5
model.layers.0.input_layernorm.weight 6
model.layers.0.post_attention_layernorm.weight 6
model.norm.weight 6
lm_head.weight 7 6
)";

std::string Sorted(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  std::sort(lines.begin(), lines.end());
  std::string sorted;
  for (const std::string& line : lines) sorted += line;
  return sorted;
}

TEST(LlamaTest, ParametersHaveHuggingFaceNamesAndShapes) {
  EXPECT_EQ(Sorted(Describe(AllParameters(Tiny(/*tied=*/false)))),
            Sorted(kTinyUntied));
  std::string tied = kTinyUntied;
  tied.resize(tied.find("lm_head"));
  EXPECT_EQ(Sorted(Describe(AllParameters(Tiny(/*tied=*/true)))), Sorted(tied));
}

TEST(LlamaTest, PublishedModelHas8030261248Weights) {
  int64_t count = 0;
  for (const Parameter& p : AllParameters(Llama8B())) count += p.count();
  EXPECT_EQ(count, 8030261248);
}

// 6 operations per weight of a matrix and token, as everybody counts, plus the
// attention's.
TEST(LlamaTest, BlockCostsThreeTimesItsProducts) {
  const int64_t tokens = 8192;
  double weights = 0;
  for (const Parameter& p : UnitParameters(Llama8B(), 1)) {
    if (p.shape.size() == 2) weights += static_cast<double>(p.count());
  }
  const UnitCost cost = CostOfUnit(Llama8B(), 1, {.tokens = tokens});
  EXPECT_EQ(cost.weight_gradient_flops, 2 * weights * tokens);
  const double attention = 2.0 * tokens * 8192 * 4096;
  EXPECT_EQ(cost.forward_flops, 2 * weights * tokens + attention);
  EXPECT_EQ(cost.input_gradient_flops, cost.forward_flops + 1.5 * attention);
}

// Per token: q of all heads, k and v of eight, attention, middle, gate and up,
// a log-sum-exp per head, two norms' rstd; 4 bytes each.
TEST(LlamaTest, BlockKeepsKeysAndValuesOfItsGroupsOnly) {
  const int64_t tokens = 1024;
  const UnitCost cost = CostOfUnit(Llama8B(), 5, {.tokens = tokens});
  EXPECT_EQ(cost.saved_bytes,
            tokens * (4096 + 2 * 1024 + 4096 + 4096 + 2 * 14336 + 32 + 2) * 4);
  EXPECT_EQ(cost.deferred_bytes,
            tokens * (2 * 14336 + 14336 + 3 * 4096 + 4096 + 2 * 1024) * 4);
}

TEST(LlamaTest, FrequenciesFallFromOneToTheBase) {
  LlamaConfig config = Tiny(/*tied=*/false);
  config.head_dim = 4;
  config.rope_theta = 100;
  const std::vector<double> frequencies = RopeFrequencies(config);
  ASSERT_EQ(frequencies.size(), 2);
  EXPECT_EQ(frequencies[0], 1);
  EXPECT_NEAR(frequencies[1], 0.1, 1e-15);
}

// ROPE_INIT_FUNCTIONS["llama3"] of transformers 4, in float64, at the pairs
// around both ends of the passage.
TEST(LlamaTest, ScaledFrequenciesAreTransformers) {
  const std::vector<double> frequencies = RopeFrequencies(Llama8B());
  ASSERT_EQ(frequencies.size(), 64);
  const auto plain = [](int i) { return std::pow(500000.0, -i / 64.0); };
  // 8192 tokens are at least four turns up to pair 28, at most one from 35 on.
  EXPECT_EQ(frequencies[28], plain(28));
  EXPECT_NE(frequencies[29], plain(29));
  EXPECT_NE(frequencies[34], plain(34) / 8);
  EXPECT_EQ(frequencies[35], plain(35) / 8);
  const double turns = 8192 * plain(31) / (2 * M_PI);
  const double smooth = (turns - 1) / 3;
  EXPECT_NEAR(frequencies[31],
              (1 - smooth) * plain(31) / 8 + smooth * plain(31), 1e-18);
}

TEST(ArchitectureTest, FieldsTellAnyTwoModelsApart) {
  const LlamaConfig config = Llama8B();
  LlamaConfig other = config;
  other.rope_scaling->factor = 4;
  EXPECT_EQ(FieldsOf(config), FieldsOf(config));
  EXPECT_NE(FieldsOf(config), FieldsOf(other));
  other = config;
  other.rms_norm_epsilon = 1e-6;
  EXPECT_NE(FieldsOf(config), FieldsOf(other));
  EXPECT_NE(FieldsOf(Architecture(Gpt2Config())),
            FieldsOf(Architecture(LlamaConfig())));
}

}  // namespace
}  // namespace penstock
