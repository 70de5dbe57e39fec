#include "proto/file/weight_hash.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <system_error>
#include <vector>

#include "proto/base/status_macros.h"
#include "proto/file/checkpoint.h"
#include "proto/file/checkpoint_reader.h"
#include "proto/file/checksum.h"
#include "proto/file/hugging_face.h"
#include "proto/file/stored_floats.h"

namespace penstock {
namespace {

std::vector<Parameter> ByName(const Architecture& model) {
  std::vector<Parameter> parameters = AllParameters(model);
  std::sort(
      parameters.begin(), parameters.end(),
      [](const Parameter& a, const Parameter& b) { return a.name < b.name; });
  return parameters;
}

void Add(const Parameter& parameter, std::span<const std::byte> values,
         Checksum& checksum) {
  // With its NUL, so that name and shape cannot run into each other.
  checksum.Update(std::as_bytes(
      std::span(parameter.name.c_str(), parameter.name.size() + 1)));
  const auto dimensions = static_cast<int64_t>(parameter.shape.size());
  checksum.Update(std::as_bytes(std::span(&dimensions, 1)));
  checksum.Update(std::as_bytes(std::span(parameter.shape)));
  checksum.Update(values);
}

absl::StatusOr<std::string> HashCheckpoint(const std::string& path) {
  RETURN_IF_ERROR(VerifyCheckpoint(path).status());
  ASSIGN_OR_RETURN(CheckpointReader reader, CheckpointReader::Open(path));
  Checksum checksum;
  for (const Parameter& parameter : ByName(reader.manifest().model)) {
    ASSIGN_OR_RETURN(const std::span<const float> values,
                     reader.Read(parameter.name, parameter.shape));
    Add(parameter, std::as_bytes(values), checksum);
  }
  return checksum.Hex();
}

absl::StatusOr<std::string> HashHuggingFace(const std::string& directory) {
  ASSIGN_OR_RETURN(const HuggingFaceModel model,
                   HuggingFaceModel::Open(directory));
  Checksum checksum;
  for (const Parameter& parameter : ByName(model.config())) {
    const StoredFloats stored = model.Find(parameter.name);
    std::vector<float> values(stored.count());
    stored.Widen(values);
    Add(parameter, std::as_bytes(std::span(values)), checksum);
  }
  return checksum.Hex();
}

}  // namespace

absl::StatusOr<std::string> HashWeights(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path + "/config.json", error)) {
    return HashHuggingFace(path);
  }
  return HashCheckpoint(path);
}

}  // namespace penstock
