#ifndef PROTO_FILE_HUGGING_FACE_LLAMA_H_
#define PROTO_FILE_HUGGING_FACE_LLAMA_H_

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "proto/llama.h"

namespace penstock {

// The fields of transformers' LlamaConfig, of version 4 or 5, which moved the
// rotary ones to "rope_parameters"; see hugging_face_config.h. Written as
// version 4 does, which version 5 reads.
absl::StatusOr<LlamaConfig> LlamaFromHuggingFace(const nlohmann::json& object);
nlohmann::ordered_json LlamaToHuggingFace(const LlamaConfig& config);

}  // namespace penstock

#endif  // PROTO_FILE_HUGGING_FACE_LLAMA_H_
