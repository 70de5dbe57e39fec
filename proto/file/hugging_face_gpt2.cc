#include "proto/file/hugging_face_gpt2.h"

#include <cstdint>

#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/hugging_face_variant.h"
#include "proto/file/json.h"

namespace penstock {
namespace {

using nlohmann::json;

absl::Status CheckVariants(const json& object, const Gpt2Config& config) {
  const auto activation = object.find("activation_function");
  // Two names of the tanh approximation.
  if (activation != object.end() && *activation != "gelu_new" &&
      *activation != "gelu_pytorch_tanh") {
    return UnsupportedVariant("activation_function", *activation, "gelu_new");
  }
  const auto inner = object.find("n_inner");
  if (inner != object.end() && !inner->is_null() &&
      *inner != 4 * config.hidden) {
    return UnsupportedVariant("n_inner", *inner, "4 * n_embd");
  }
  const auto epsilon = object.find("layer_norm_epsilon");
  // The file's decimal number is a float64.
  if (epsilon != object.end() &&
      (!epsilon->is_number() ||
       static_cast<float>(epsilon->get<double>()) != kGpt2Epsilon)) {
    return UnsupportedVariant("layer_norm_epsilon", *epsilon, "1e-05");
  }
  RETURN_IF_ERROR(CheckVariant(object, "scale_attn_weights", true));
  RETURN_IF_ERROR(
      CheckVariant(object, "scale_attn_by_inverse_layer_idx", false));
  return CheckVariant(object, "add_cross_attention", false);
}

}  // namespace

absl::StatusOr<Gpt2Config> Gpt2FromHuggingFace(const json& object) {
  Gpt2Config config;
  ASSIGN_OR_RETURN(config.layers, JsonExtent(object, "n_layer"));
  ASSIGN_OR_RETURN(config.hidden, JsonExtent(object, "n_embd"));
  ASSIGN_OR_RETURN(config.heads, JsonExtent(object, "n_head"));
  ASSIGN_OR_RETURN(config.sequence_length, JsonExtent(object, "n_positions"));
  ASSIGN_OR_RETURN(config.vocabulary, JsonExtent(object, "vocab_size"));
  if (object.contains("tie_word_embeddings")) {
    ASSIGN_OR_RETURN(config.tied_embeddings,
                     JsonBool(object, "tie_word_embeddings"));
  }
  if (config.hidden % config.heads != 0) {
    return absl::InvalidArgumentError(
        fmt::format("\"n_head\" is {}, which does not divide \"n_embd\" {}",
                    config.heads, config.hidden));
  }
  RETURN_IF_ERROR(CheckVariants(object, config));
  return config;
}

nlohmann::ordered_json Gpt2ToHuggingFace(const Gpt2Config& config) {
  return {{"architectures", json::array({"GPT2LMHeadModel"})},
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
}

}  // namespace penstock
