#ifndef PROTO_FILE_HUGGING_FACE_CONFIG_H_
#define PROTO_FILE_HUGGING_FACE_CONFIG_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/architecture.h"

namespace penstock {

// The content of a config.json, as transformers' GPT2Config or LlamaConfig has
// it, and the architecture it describes. Pure.
//
// Errors: as ReadHuggingFaceConfig (proto/file/hugging_face.h), but they name
// no file.
absl::StatusOr<Architecture> HuggingFaceConfigFromJson(std::string_view text);

std::string HuggingFaceConfigToJson(const Architecture& model);

}  // namespace penstock

#endif  // PROTO_FILE_HUGGING_FACE_CONFIG_H_
