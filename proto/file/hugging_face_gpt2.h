#ifndef PROTO_FILE_HUGGING_FACE_GPT2_H_
#define PROTO_FILE_HUGGING_FACE_GPT2_H_

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "proto/gpt2.h"

namespace penstock {

// The fields of transformers' GPT2Config; see hugging_face_config.h.
absl::StatusOr<Gpt2Config> Gpt2FromHuggingFace(const nlohmann::json& object);
nlohmann::ordered_json Gpt2ToHuggingFace(const Gpt2Config& config);

}  // namespace penstock

#endif  // PROTO_FILE_HUGGING_FACE_GPT2_H_
