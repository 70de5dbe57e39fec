#include "proto/file/hugging_face_config.h"

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/status_macros.h"
#include "proto/file/hugging_face_gpt2.h"
#include "proto/file/hugging_face_llama.h"
#include "proto/file/json.h"

namespace penstock {

absl::StatusOr<Architecture> HuggingFaceConfigFromJson(std::string_view text) {
  ASSIGN_OR_RETURN(const nlohmann::json object, ParseJson(text));
  ASSIGN_OR_RETURN(const std::string type, JsonString(object, "model_type"));
  if (type == "gpt2") return Gpt2FromHuggingFace(object);
  if (type == "llama") return LlamaFromHuggingFace(object);
  return absl::UnimplementedError(
      fmt::format("\"model_type\" is {}; only \"gpt2\" and \"llama\" can be "
                  "trained here",
                  Quoted(type)));
}

std::string HuggingFaceConfigToJson(const Architecture& model) {
  const auto* llama = std::get_if<LlamaConfig>(&model);
  const nlohmann::ordered_json object =
      llama != nullptr ? LlamaToHuggingFace(*llama)
                       : Gpt2ToHuggingFace(std::get<Gpt2Config>(model));
  return object.dump(2) + "\n";
}

}  // namespace penstock
