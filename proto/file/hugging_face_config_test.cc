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
  EXPECT_EQ(*config, Architecture(Gpt2Config{.layers = 12,
                                             .hidden = 768,
                                             .heads = 12,
                                             .sequence_length = 1024,
                                             .vocabulary = 50257,
                                             .tied_embeddings = true}));
}

// As transformers 4.x saves meta-llama/Llama-3.2-1B.
constexpr char kLlama[] = R"({
  "architectures": ["LlamaForCausalLM"],
  "attention_bias": false,
  "attention_dropout": 0.0,
  "bos_token_id": 128000,
  "head_dim": 64,
  "hidden_act": "silu",
  "hidden_size": 2048,
  "intermediate_size": 8192,
  "max_position_embeddings": 131072,
  "mlp_bias": false,
  "model_type": "llama",
  "num_attention_heads": 32,
  "num_hidden_layers": 16,
  "num_key_value_heads": 8,
  "pretraining_tp": 1,
  "rms_norm_eps": 1e-05,
  "rope_scaling": {
    "factor": 32.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192,
    "rope_type": "llama3"
  },
  "rope_theta": 500000.0,
  "tie_word_embeddings": true,
  "vocab_size": 128256
})";

LlamaConfig Llama1B() {
  return {.layers = 16,
          .hidden = 2048,
          .heads = 32,
          .kv_heads = 8,
          .head_dim = 64,
          .intermediate = 8192,
          .sequence_length = 131072,
          .vocabulary = 128256,
          .rope_theta = 500000,
          .rms_norm_epsilon = 1e-5,
          .tied_embeddings = true,
          .rope_scaling = RopeScaling{32, 1, 4, 8192}};
}

TEST(HuggingFaceConfigTest, ReadsThePublishedLlama) {
  const auto config = HuggingFaceConfigFromJson(kLlama);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(*config, Architecture(Llama1B()));
}

// As the first Llama's was saved, and as version 5 of transformers saves.
TEST(HuggingFaceConfigTest, ReadsOtherVersionsOfALlama) {
  const auto first = HuggingFaceConfigFromJson(R"({
      "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
      "max_position_embeddings": 2048, "num_attention_heads": 32,
      "num_hidden_layers": 32, "rope_scaling": null, "vocab_size": 32000})");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*first, Architecture(LlamaConfig{.layers = 32,
                                             .hidden = 4096,
                                             .heads = 32,
                                             .kv_heads = 32,
                                             .head_dim = 128,
                                             .intermediate = 11008,
                                             .sequence_length = 2048,
                                             .vocabulary = 32000,
                                             .rope_theta = 10000,
                                             .rms_norm_epsilon = 1e-6,
                                             .tied_embeddings = false}));
  const auto fifth = HuggingFaceConfigFromJson(R"({
      "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
      "max_position_embeddings": 131072, "num_attention_heads": 32,
      "num_key_value_heads": 8, "head_dim": 64, "num_hidden_layers": 16,
      "vocab_size": 128256, "tie_word_embeddings": true, "rms_norm_eps": 1e-05,
      "rope_parameters": {
        "rope_theta": 500000.0, "rope_type": "llama3", "factor": 32.0,
        "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192}})");
  ASSERT_TRUE(fifth.ok()) << fifth.status();
  EXPECT_EQ(*fifth, Architecture(Llama1B()));
}

TEST(HuggingFaceConfigTest, ReadsTheLlamaItWrote) {
  LlamaConfig config = Llama1B();
  for (const bool scaled : {true, false}) {
    if (!scaled) config.rope_scaling.reset();
    const auto read =
        HuggingFaceConfigFromJson(HuggingFaceConfigToJson(config));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, Architecture(config));
  }
}

TEST(HuggingFaceConfigTest, RefusesVariantsOfALlamaByName) {
  const auto complaint = [](const std::string& from, const std::string& to) {
    std::string text = kLlama;
    const size_t at = text.find(from);
    EXPECT_NE(at, text.npos);
    const absl::Status status =
        HuggingFaceConfigFromJson(text.replace(at, from.size(), to)).status();
    EXPECT_FALSE(status.ok());
    return std::string(status.message());
  };
  EXPECT_EQ(complaint("\"attention_bias\": false", "\"attention_bias\": true"),
            "\"attention_bias\" is true; only false can be trained here");
  EXPECT_EQ(complaint("\"mlp_bias\": false", "\"mlp_bias\": true"),
            "\"mlp_bias\" is true; only false can be trained here");
  EXPECT_EQ(complaint("silu", "gelu"),
            "\"hidden_act\" is \"gelu\"; only \"silu\" can be trained here");
  EXPECT_EQ(complaint("\"pretraining_tp\": 1", "\"sliding_window\": 4096"),
            "\"sliding_window\" is 4096; only null can be trained here");
  EXPECT_EQ(complaint("\"llama3\"", "\"yarn\""),
            "\"rope_type\" is \"yarn\"; only \"llama3\" or \"default\" can be "
            "trained here");
  EXPECT_EQ(
      complaint("\"num_key_value_heads\": 8", "\"num_key_value_heads\": 5"),
      "\"num_key_value_heads\" is 5, which does not divide "
      "\"num_attention_heads\" 32");
  EXPECT_EQ(complaint("\"head_dim\": 64", "\"head_dim\": 1000000"),
            "field \"head_dim\" is 1000000, outside of 1 to 65536");
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
    EXPECT_EQ(*read, Architecture(config));
  }
}

TEST(HuggingFaceConfigTest, RefusesOtherModelsByName) {
  EXPECT_EQ(Complaint("\"gpt2\"", "\"mistral\""),
            "\"model_type\" is \"mistral\"; only \"gpt2\" and \"llama\" can be "
            "trained here");
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
