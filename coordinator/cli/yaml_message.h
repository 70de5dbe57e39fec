#ifndef COORDINATOR_CLI_YAML_MESSAGE_H_
#define COORDINATOR_CLI_YAML_MESSAGE_H_

#include <string_view>

#include "absl/status/status.h"
#include "coordinator/cli/yaml_tree.h"
#include "google/protobuf/message.h"

namespace penstock {

// Sets the fields of `message` from the map `node`, by their proto names and
// strictly: an unknown name, a value of another type, a number beyond the type
// and two members of a oneof are errors. `message` must have no repeated,
// enum or bytes fields, nor must the messages within it.
//
// Errors:
//   InvalidArgument: "<file>:<line>: <field path>: <what is wrong>".
absl::Status FillMessage(const YamlNode& node, std::string_view file,
                         google::protobuf::Message& message);

}  // namespace penstock

#endif  // COORDINATOR_CLI_YAML_MESSAGE_H_
