#ifndef PROTO_FILE_ARCHITECTURE_JSON_H_
#define PROTO_FILE_ARCHITECTURE_JSON_H_

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "proto/architecture.h"

namespace penstock {

// A model in the "model" object of a checkpoint's manifest: its fields by the
// names of job files, and "architecture" unless it is a GPT-2, which manifests
// always meant without it.
nlohmann::ordered_json ArchitectureToJson(const Architecture& model);

// Errors:
//   InvalidArgument: a field is missing, of another type or out of bounds, or
//     an unknown architecture; the message names it.
absl::StatusOr<Architecture> ArchitectureFromJson(const nlohmann::json& object);

}  // namespace penstock

#endif  // PROTO_FILE_ARCHITECTURE_JSON_H_
