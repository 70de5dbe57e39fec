#include "proto/file/hugging_face_config.h"

#include <cmath>
#include <cstdint>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/status_macros.h"
#include "proto/file/json.h"

namespace penstock {
namespace {

using nlohmann::json;

absl::StatusOr<int64_t> ReadExtent(const json& object, const char* key) {
  constexpr int64_t kExtentMax = int64_t{1} << 24;
  ASSIGN_OR_RETURN(const int64_t extent, JsonInteger(object, key));
  if (extent >= 1 && extent <= kExtentMax) return extent;
  return absl::InvalidArgumentError(fmt::format(
      "field \"{}\" is {}, outside of 1 to {}", key, extent, kExtentMax));
}

absl::Status Unsupported(const char* key, const json& value,
                         std::string_view supported) {
  return absl::UnimplementedError(fmt::format(
      "\"{}\" is {}; only {} can be trained here", key,
      value.dump(-1, ' ', false, json::error_handler_t::replace), supported));
}

// A variant of the architecture that this one does not have. A field that is
// missing has transformers' default, which is the supported value.
absl::Status CheckFlag(const json& object, const char* key, bool supported) {
  const auto found = object.find(key);
  if (found == object.end() || *found == supported) return absl::OkStatus();
  return Unsupported(key, *found, supported ? "true" : "false");
}

absl::Status CheckVariant(const json& object, const Gpt2Config& config) {
  const auto activation = object.find("activation_function");
  // Two names of the tanh approximation.
  if (activation != object.end() && *activation != "gelu_new" &&
      *activation != "gelu_pytorch_tanh") {
    return Unsupported("activation_function", *activation, "gelu_new");
  }
  const auto inner = object.find("n_inner");
  if (inner != object.end() && !inner->is_null() &&
      *inner != 4 * config.hidden) {
    return Unsupported("n_inner", *inner, "4 * n_embd");
  }
  const auto epsilon = object.find("layer_norm_epsilon");
  // The file's decimal number is a float64.
  if (epsilon != object.end() &&
      (!epsilon->is_number() ||
       static_cast<float>(epsilon->get<double>()) != kGpt2Epsilon)) {
    return Unsupported("layer_norm_epsilon", *epsilon, "1e-05");
  }
  RETURN_IF_ERROR(CheckFlag(object, "scale_attn_weights", true));
  RETURN_IF_ERROR(CheckFlag(object, "scale_attn_by_inverse_layer_idx", false));
  return CheckFlag(object, "add_cross_attention", false);
}

}  // namespace

absl::StatusOr<Gpt2Config> HuggingFaceConfigFromJson(std::string_view text) {
  ASSIGN_OR_RETURN(const json object, ParseJson(text));
  ASSIGN_OR_RETURN(const std::string type, JsonString(object, "model_type"));
  if (type != "gpt2") {
    return absl::UnimplementedError(
        fmt::format("\"model_type\" is {}; only \"gpt2\" can be trained here",
                    Quoted(type)));
  }
  Gpt2Config config;
  ASSIGN_OR_RETURN(config.layers, ReadExtent(object, "n_layer"));
  ASSIGN_OR_RETURN(config.hidden, ReadExtent(object, "n_embd"));
  ASSIGN_OR_RETURN(config.heads, ReadExtent(object, "n_head"));
  ASSIGN_OR_RETURN(config.sequence_length, ReadExtent(object, "n_positions"));
  ASSIGN_OR_RETURN(config.vocabulary, ReadExtent(object, "vocab_size"));
  if (object.contains("tie_word_embeddings")) {
    ASSIGN_OR_RETURN(config.tied_embeddings,
                     JsonBool(object, "tie_word_embeddings"));
  }
  if (config.hidden % config.heads != 0) {
    return absl::InvalidArgumentError(
        fmt::format("\"n_head\" is {}, which does not divide \"n_embd\" {}",
                    config.heads, config.hidden));
  }
  RETURN_IF_ERROR(CheckVariant(object, config));
  return config;
}

std::string HuggingFaceConfigToJson(const Gpt2Config& config) {
  using ordered = nlohmann::ordered_json;
  const ordered object = {
      {"architectures", {"GPT2LMHeadModel"}},
      {"model_type", "gpt2"},
      {"torch_dtype", "float32"},
      {"n_layer", config.layers},
      {"n_embd", config.hidden},
      {"n_head", config.heads},
      {"n_positions", config.sequence_length},
      {"n_ctx", config.sequence_length},
      {"n_inner", nullptr},
      {"vocab_size", config.vocabulary},
      {"tie_word_embeddings", config.tied_embeddings},
      {"activation_function", "gelu_new"},
      {"layer_norm_epsilon", 1e-5},
      // Trained without dropout; training on is to be the same.
      {"attn_pdrop", 0.0},
      {"embd_pdrop", 0.0},
      {"resid_pdrop", 0.0},
      // GPT-2's own token may lie outside of this vocabulary.
      {"bos_token_id", nullptr},
      {"eos_token_id", nullptr}};
  return object.dump(2) + "\n";
}

}  // namespace penstock
