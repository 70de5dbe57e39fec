#ifndef COORDINATOR_CLI_YAML_TREE_H_
#define COORDINATOR_CLI_YAML_TREE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace penstock {

// One value of a YAML document, with the line it stands on.
struct YamlNode {
  enum class Kind { kNull, kScalar, kMap, kList };

  Kind kind = Kind::kNull;
  int line = 1;        // Of its key where it has one; from 1.
  std::string key;     // Within the map that holds it; else empty.
  std::string scalar;  // As written, without quotes.
  std::vector<YamlNode> children;
};

// The single document in `text`, which may come from anybody: at most 1 MiB of
// UTF-8, nested at most 16 deep, every key once, no aliases (a few lines of
// them can stand for gigabytes).
//
// Errors:
//   InvalidArgument: "<file>:<line>: <what is wrong>".
absl::StatusOr<YamlNode> ParseYaml(std::string_view text,
                                   std::string_view file);

}  // namespace penstock

#endif  // COORDINATOR_CLI_YAML_TREE_H_
