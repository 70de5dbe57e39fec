#include "proto/file/hugging_face_config.h"

#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

// As transformers 4.x saves openai-community/gpt2, shortened to what counts.
constexpr char kGpt2[] = R"({
  "activation_function": "gelu_new",
  "architectures": ["GPT2LMHeadModel"],
  "initializer_range": 0.02,
  "layer_norm_epsilon": 1e-05,
  "model_type": "gpt2",
  "n_ctx": 1024,
  "n_embd": 768,
  "n_head": 12,
  "n_layer": 12,
  "n_positions": 1024,
  "task_specific_params": {"text-generation": {"max_length": 50}},
  "vocab_size": 50257
})";

std::string Complaint(const std::string& from, const std::string& to) {
  std::string text = kGpt2;
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos);
  const absl::Status status =
      HuggingFaceConfigFromJson(text.replace(at, from.size(), to)).status();
  EXPECT_FALSE(status.ok());
  return std::string(status.message());
}

TEST(HuggingFaceConfigTest, ReadsThePublishedGpt2) {
  const auto config = HuggingFaceConfigFromJson(kGpt2);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(*config, (Gpt2Config{.layers = 12,
                                 .hidden = 768,
                                 .heads = 12,
                                 .sequence_length = 1024,
                                 .vocabulary = 50257,
                                 .tied_embeddings = true}));
}

TEST(HuggingFaceConfigTest, ReadsWhatItWrote) {
  for (const bool tied : {false, true}) {
    const Gpt2Config config{.layers = 3,
                            .hidden = 8,
                            .heads = 2,
                            .sequence_length = 5,
                            .vocabulary = 7,
                            .tied_embeddings = tied};
    const auto read =
        HuggingFaceConfigFromJson(HuggingFaceConfigToJson(config));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, config);
  }
}

TEST(HuggingFaceConfigTest, RefusesOtherModelsByName) {
  EXPECT_EQ(Complaint("\"gpt2\"", "\"llama\""),
            "\"model_type\" is \"llama\"; only \"gpt2\" can be trained here");
  EXPECT_EQ(
      Complaint("gelu_new", "relu"),
      "\"activation_function\" is \"relu\"; only gelu_new can be trained here");
  EXPECT_EQ(Complaint("1e-05", "1e-06"),
            "\"layer_norm_epsilon\" is 1e-06; only 1e-05 can be trained here");
  EXPECT_EQ(Complaint("\"n_ctx\": 1024", "\"n_inner\": 1024"),
            "\"n_inner\" is 1024; only 4 * n_embd can be trained here");
  EXPECT_EQ(Complaint("\"n_ctx\": 1024", "\"scale_attn_weights\": false"),
            "\"scale_attn_weights\" is false; only true can be trained here");
}

TEST(HuggingFaceConfigTest, RefusesFieldsThatCannotBe) {
  EXPECT_EQ(Complaint("\"n_head\": 12", "\"n_head\": 7"),
            "\"n_head\" is 7, which does not divide \"n_embd\" 768");
  EXPECT_EQ(Complaint("\"n_layer\": 12", "\"n_layer\": 0"),
            "field \"n_layer\" is 0, outside of 1 to 16777216");
  EXPECT_EQ(Complaint("\"n_layer\": 12", "\"layers\": 12"),
            "field \"n_layer\" missing");
  EXPECT_EQ(Complaint("{", ""), "not JSON at byte 25");
}

}  // namespace
}  // namespace penstock
