#ifndef PROTO_FILE_HUGGING_FACE_VARIANT_H_
#define PROTO_FILE_HUGGING_FACE_VARIANT_H_

#include <string_view>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

namespace penstock {

// Refusals of what a config.json may ask for and the models here do not have.

// Unimplemented: "\"key\" is VALUE; only SUPPORTED can be trained here".
absl::Status UnsupportedVariant(std::string_view key,
                                const nlohmann::json& value,
                                std::string_view supported);

// A missing field has transformers' default, which is the supported value.
absl::Status CheckVariant(const nlohmann::json& object, const char* key,
                          const nlohmann::json& supported);

}  // namespace penstock

#endif  // PROTO_FILE_HUGGING_FACE_VARIANT_H_
