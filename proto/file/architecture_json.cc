#include "proto/file/architecture_json.h"

#include <string>

#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/json.h"

namespace penstock {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Of heads and of their columns, whose product is a width.
constexpr int64_t kHeadsMax = 1 << 16;

ordered_json ToJson(const Gpt2Config& model) {
  return {{"layers", model.layers},
          {"hidden", model.hidden},
          {"heads", model.heads},
          {"sequence_length", model.sequence_length},
          {"vocabulary", model.vocabulary},
          {"tied_embeddings", model.tied_embeddings}};
}

ordered_json ToJson(const LlamaConfig& model) {
  ordered_json object = {{"architecture", "llama"},
                         {"layers", model.layers},
                         {"hidden", model.hidden},
                         {"heads", model.heads},
                         {"kv_heads", model.kv_heads},
                         {"head_dim", model.head_dim},
                         {"intermediate", model.intermediate},
                         {"sequence_length", model.sequence_length},
                         {"vocabulary", model.vocabulary},
                         {"rope_theta", model.rope_theta},
                         {"rms_norm_epsilon", model.rms_norm_epsilon},
                         {"tied_embeddings", model.tied_embeddings}};
  if (const auto& scaling = model.rope_scaling) {
    object["rope_scaling"] = {
        {"factor", scaling->factor},
        {"low_frequency_factor", scaling->low_frequency_factor},
        {"high_frequency_factor", scaling->high_frequency_factor},
        {"original_sequence_length", scaling->original_sequence_length}};
  }
  return object;
}

absl::StatusOr<Architecture> Gpt2FromJson(const json& object) {
  Gpt2Config model;
  ASSIGN_OR_RETURN(model.layers, JsonExtent(object, "layers"));
  ASSIGN_OR_RETURN(model.hidden, JsonExtent(object, "hidden"));
  ASSIGN_OR_RETURN(model.heads, JsonExtent(object, "heads"));
  ASSIGN_OR_RETURN(model.sequence_length,
                   JsonExtent(object, "sequence_length"));
  ASSIGN_OR_RETURN(model.vocabulary, JsonExtent(object, "vocabulary"));
  ASSIGN_OR_RETURN(model.tied_embeddings, JsonBool(object, "tied_embeddings"));
  return model;
}

absl::StatusOr<RopeScaling> ScalingFromJson(const json& object) {
  RopeScaling scaling;
  ASSIGN_OR_RETURN(scaling.factor, JsonReal(object, "factor"));
  ASSIGN_OR_RETURN(scaling.low_frequency_factor,
                   JsonReal(object, "low_frequency_factor"));
  ASSIGN_OR_RETURN(scaling.high_frequency_factor,
                   JsonReal(object, "high_frequency_factor"));
  ASSIGN_OR_RETURN(scaling.original_sequence_length,
                   JsonExtent(object, "original_sequence_length"));
  return scaling;
}

absl::StatusOr<Architecture> LlamaFromJson(const json& object) {
  LlamaConfig model;
  ASSIGN_OR_RETURN(model.layers, JsonExtent(object, "layers"));
  ASSIGN_OR_RETURN(model.hidden, JsonExtent(object, "hidden"));
  ASSIGN_OR_RETURN(model.heads, JsonExtent(object, "heads", kHeadsMax));
  ASSIGN_OR_RETURN(model.kv_heads, JsonExtent(object, "kv_heads", kHeadsMax));
  ASSIGN_OR_RETURN(model.head_dim, JsonExtent(object, "head_dim", kHeadsMax));
  ASSIGN_OR_RETURN(model.intermediate, JsonExtent(object, "intermediate"));
  ASSIGN_OR_RETURN(model.sequence_length,
                   JsonExtent(object, "sequence_length"));
  ASSIGN_OR_RETURN(model.vocabulary, JsonExtent(object, "vocabulary"));
  ASSIGN_OR_RETURN(model.rope_theta, JsonReal(object, "rope_theta"));
  ASSIGN_OR_RETURN(model.rms_norm_epsilon,
                   JsonReal(object, "rms_norm_epsilon"));
  ASSIGN_OR_RETURN(model.tied_embeddings, JsonBool(object, "tied_embeddings"));
  if (object.contains("rope_scaling")) {
    ASSIGN_OR_RETURN(const json* scaling, JsonObject(object, "rope_scaling"));
    ASSIGN_OR_RETURN(model.rope_scaling, ScalingFromJson(*scaling));
  }
  return model;
}

}  // namespace

ordered_json ArchitectureToJson(const Architecture& model) {
  return std::visit([](const auto& config) { return ToJson(config); }, model);
}

absl::StatusOr<Architecture> ArchitectureFromJson(const json& object) {
  if (!object.contains("architecture")) return Gpt2FromJson(object);
  ASSIGN_OR_RETURN(const std::string name, JsonString(object, "architecture"));
  if (name == "llama") return LlamaFromJson(object);
  return absl::InvalidArgumentError(
      fmt::format("architecture {}, expected \"llama\"", Quoted(name)));
}

}  // namespace penstock
