#include "proto/file/hugging_face_llama.h"

#include <cstdint>
#include <string>

#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/hugging_face_variant.h"
#include "proto/file/json.h"

namespace penstock {
namespace {

using nlohmann::json;

// Of heads and of their columns, whose product is a width.
constexpr int64_t kHeadsMax = 1 << 16;

// Whether the field has a value: many are written as null for their default.
bool IsSet(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && !found->is_null();
}

absl::Status CheckVariants(const json& object) {
  RETURN_IF_ERROR(CheckVariant(object, "hidden_act", "silu"));
  RETURN_IF_ERROR(CheckVariant(object, "attention_bias", false));
  RETURN_IF_ERROR(CheckVariant(object, "mlp_bias", false));
  return CheckVariant(object, "sliding_window", nullptr);
}

absl::Status ReadHeads(const json& object, LlamaConfig& config) {
  ASSIGN_OR_RETURN(config.heads,
                   JsonExtent(object, "num_attention_heads", kHeadsMax));
  config.kv_heads = config.heads;
  if (IsSet(object, "num_key_value_heads")) {
    ASSIGN_OR_RETURN(config.kv_heads,
                     JsonExtent(object, "num_key_value_heads", kHeadsMax));
  }
  if (config.heads % config.kv_heads != 0) {
    return absl::InvalidArgumentError(
        fmt::format("\"num_key_value_heads\" is {}, which does not divide "
                    "\"num_attention_heads\" {}",
                    config.kv_heads, config.heads));
  }
  if (IsSet(object, "head_dim")) {
    ASSIGN_OR_RETURN(config.head_dim,
                     JsonExtent(object, "head_dim", kHeadsMax));
    return absl::OkStatus();
  }
  config.head_dim = config.hidden / config.heads;
  if (config.hidden % config.heads == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("\"num_attention_heads\" is {}, which does not divide "
                  "\"hidden_size\" {}",
                  config.heads, config.hidden));
}

absl::StatusOr<RopeScaling> ReadScaling(const json& object) {
  RopeScaling scaling;
  ASSIGN_OR_RETURN(scaling.factor, JsonReal(object, "factor"));
  ASSIGN_OR_RETURN(scaling.low_frequency_factor,
                   JsonReal(object, "low_freq_factor"));
  ASSIGN_OR_RETURN(scaling.high_frequency_factor,
                   JsonReal(object, "high_freq_factor"));
  ASSIGN_OR_RETURN(scaling.original_sequence_length,
                   JsonExtent(object, "original_max_position_embeddings"));
  return scaling;
}

// "rope_scaling" or "rope_parameters".
absl::Status ReadRopeVariant(const json& object, LlamaConfig& config) {
  // Up to version 4.42 the type's field was named so.
  const char* const key = object.contains("rope_type") ? "rope_type" : "type";
  std::string type = "default";
  if (object.contains(key)) {
    ASSIGN_OR_RETURN(type, JsonString(object, key));
  }
  if (type == "llama3") {
    ASSIGN_OR_RETURN(config.rope_scaling, ReadScaling(object));
    return absl::OkStatus();
  }
  if (type == "default") return absl::OkStatus();
  return UnsupportedVariant(key, type, "\"llama3\" or \"default\"");
}

absl::Status ReadRope(const json& object, LlamaConfig& config) {
  if (IsSet(object, "rope_theta")) {
    ASSIGN_OR_RETURN(config.rope_theta, JsonReal(object, "rope_theta"));
  }
  if (IsSet(object, "rope_scaling")) {
    ASSIGN_OR_RETURN(const json* scaling, JsonObject(object, "rope_scaling"));
    RETURN_IF_ERROR(ReadRopeVariant(*scaling, config));
  }
  if (!IsSet(object, "rope_parameters")) return absl::OkStatus();
  ASSIGN_OR_RETURN(const json* rope, JsonObject(object, "rope_parameters"));
  if (IsSet(*rope, "rope_theta")) {
    ASSIGN_OR_RETURN(config.rope_theta, JsonReal(*rope, "rope_theta"));
  }
  return ReadRopeVariant(*rope, config);
}

}  // namespace

absl::StatusOr<LlamaConfig> LlamaFromHuggingFace(const json& object) {
  LlamaConfig config;
  ASSIGN_OR_RETURN(config.layers, JsonExtent(object, "num_hidden_layers"));
  ASSIGN_OR_RETURN(config.hidden, JsonExtent(object, "hidden_size"));
  RETURN_IF_ERROR(ReadHeads(object, config));
  ASSIGN_OR_RETURN(config.intermediate,
                   JsonExtent(object, "intermediate_size"));
  ASSIGN_OR_RETURN(config.sequence_length,
                   JsonExtent(object, "max_position_embeddings"));
  ASSIGN_OR_RETURN(config.vocabulary, JsonExtent(object, "vocab_size"));
  RETURN_IF_ERROR(ReadRope(object, config));
  if (IsSet(object, "rms_norm_eps")) {
    ASSIGN_OR_RETURN(config.rms_norm_epsilon, JsonReal(object, "rms_norm_eps"));
  }
  if (IsSet(object, "tie_word_embeddings")) {
    ASSIGN_OR_RETURN(config.tied_embeddings,
                     JsonBool(object, "tie_word_embeddings"));
  }
  RETURN_IF_ERROR(CheckVariants(object));
  return config;
}

nlohmann::ordered_json LlamaToHuggingFace(const LlamaConfig& config) {
  nlohmann::ordered_json object = {
      {"architectures", json::array({"LlamaForCausalLM"})},
      {"model_type", "llama"},
      {"torch_dtype", "float32"},
      {"num_hidden_layers", config.layers},
      {"hidden_size", config.hidden},
      {"num_attention_heads", config.heads},
      {"num_key_value_heads", config.kv_heads},
      {"head_dim", config.head_dim},
      {"intermediate_size", config.intermediate},
      {"max_position_embeddings", config.sequence_length},
      {"vocab_size", config.vocabulary},
      {"rope_theta", config.rope_theta},
      {"rope_scaling", nullptr},
      {"rms_norm_eps", config.rms_norm_epsilon},
      {"tie_word_embeddings", config.tied_embeddings},
      {"hidden_act", "silu"},
      {"attention_bias", false},
      {"mlp_bias", false},
      {"attention_dropout", 0.0},
      // Llama's own tokens may lie outside of this vocabulary.
      {"bos_token_id", nullptr},
      {"eos_token_id", nullptr}};
  if (const auto& scaling = config.rope_scaling) {
    object["rope_scaling"] = {
        {"rope_type", "llama3"},
        {"factor", scaling->factor},
        {"low_freq_factor", scaling->low_frequency_factor},
        {"high_freq_factor", scaling->high_frequency_factor},
        {"original_max_position_embeddings",
         scaling->original_sequence_length}};
  }
  return object;
}

}  // namespace penstock
