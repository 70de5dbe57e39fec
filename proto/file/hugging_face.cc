#include "proto/file/hugging_face.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <set>
#include <system_error>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/file/hugging_face_config.h"
#include "proto/file/json.h"

namespace penstock {
namespace {

using Weights = std::map<std::string, StoredFloats, std::less<>>;

constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";
constexpr char kHead[] = "lm_head.weight";

// The name of AllParameters for a name in a file: GPT2Model and LlamaModel save
// their weights without the prefix that the models with a head put before them.
std::string GlobalName(const std::string& name, std::string_view prefix) {
  if (name == kHead || std::string_view(name).starts_with(prefix)) return name;
  return std::string(prefix) + name;
}

// Constants that old versions saved with the weights: causal masks and rotary
// frequencies.
bool IsConstant(std::string_view name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
         name.ends_with(".rotary_emb.inv_freq");
}

// The files that an index names, each once.
absl::StatusOr<std::set<std::string>> FilesOfIndex(std::string_view text) {
  ASSIGN_OR_RETURN(const nlohmann::json index, ParseJson(text));
  ASSIGN_OR_RETURN(const nlohmann::json* map, JsonObject(index, "weight_map"));
  std::set<std::string> files;
  for (const auto& [tensor, file] : map->items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name.front() == '.' ||
        name.find_first_of(std::string_view("/\0", 2)) != name.npos) {
      return absl::InvalidArgumentError(
          fmt::format("tensor {}: {} is not a plain file name", Quoted(tensor),
                      Quoted(name)));
    }
    files.insert(name);
  }
  return files;
}

absl::StatusOr<std::set<std::string>> FilesOf(const std::string& directory) {
  const std::string single = directory + "/" + kSingleFile;
  std::error_code error;
  if (std::filesystem::exists(single, error)) {
    return std::set<std::string>{kSingleFile};
  }
  const std::string index = directory + "/" + kIndexFile;
  const absl::StatusOr<std::string> text = ReadFile(index);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(
        fmt::format("{} has neither {} nor {}; save the model with "
                    "save_pretrained(..., safe_serialization=True)",
                    directory, kSingleFile, kIndexFile));
  }
  if (!text.ok()) return text.status();
  auto files = FilesOfIndex(*text);
  if (!files.ok()) return Annotate(files.status(), index);
  return files;
}

// Adds the tensors of `file` that are parameters of the model.
absl::Status AddWeights(const SafetensorsFile& file,
                        const std::map<std::string, Parameter>& parameters,
                        std::string_view prefix, Weights& weights) {
  for (const auto& [name, entry] : file.index()) {
    const std::string global = GlobalName(name, prefix);
    if (IsConstant(global)) continue;
    const auto parameter = parameters.find(global);
    if (parameter == parameters.end()) {
      return absl::InvalidArgumentError(
          fmt::format("{}: tensor {} is no parameter of the model in "
                      "config.json",
                      file.path(), Quoted(name)));
    }
    ASSIGN_OR_RETURN(const StoredFloats values,
                     file.Floats(name, parameter->second.shape));
    if (!weights.emplace(global, values).second) {
      return absl::InvalidArgumentError(
          fmt::format("{}: tensor {} twice", file.path(), Quoted(name)));
    }
  }
  return absl::OkStatus();
}

// A tied head may be saved as a copy, but not as something else.
absl::Status CheckTiedHead(const Architecture& config, Weights& weights,
                           const std::string& directory) {
  const std::string table = UnitParameters(config, 0).front().name;
  const auto head = weights.find(kHead);
  const auto embedding = weights.find(table);
  if (head == weights.end() || embedding == weights.end()) {
    return absl::OkStatus();
  }
  if (head->second.type != embedding->second.type ||
      !std::ranges::equal(head->second.bytes, embedding->second.bytes)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} differs from {}, but config.json ties them",
                    directory, kHead, table));
  }
  weights.erase(head);
  return absl::OkStatus();
}

// By name, with the head of a tied model among them.
std::map<std::string, Parameter> ExpectedParameters(
    const Architecture& config) {
  std::map<std::string, Parameter> parameters;
  for (const Parameter& parameter : AllParameters(config)) {
    parameters.emplace(parameter.name, parameter);
  }
  parameters.try_emplace(
      kHead, Parameter{kHead, {VocabularyOf(config), HiddenOf(config)}});
  return parameters;
}

}  // namespace

absl::StatusOr<Architecture> ReadHuggingFaceConfig(
    const std::string& directory) {
  const std::string path = directory + "/config.json";
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  auto config = HuggingFaceConfigFromJson(text);
  if (!config.ok()) return Annotate(config.status(), path);
  return config;
}

absl::StatusOr<HuggingFaceModel> HuggingFaceModel::Open(
    const std::string& directory) {
  HuggingFaceModel model;
  ASSIGN_OR_RETURN(model.config_, ReadHuggingFaceConfig(directory));
  ASSIGN_OR_RETURN(const std::set<std::string> names, FilesOf(directory));
  int64_t tensors = 0;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(SafetensorsFile file,
                     SafetensorsFile::Open(directory + "/" + name));
    tensors += static_cast<int64_t>(file.index().size());
    model.files_.push_back(std::move(file));
  }
  // Bounds the list of parameters that a wrong config.json asks for.
  if (LayersOf(model.config_) > tensors) {
    return absl::NotFoundError(
        fmt::format("{}: {} tensors are too few for {} layers", directory,
                    tensors, LayersOf(model.config_)));
  }
  const auto parameters = ExpectedParameters(model.config_);
  const std::string_view prefix =
      std::holds_alternative<LlamaConfig>(model.config_) ? "model."
                                                         : "transformer.";
  for (const SafetensorsFile& file : model.files_) {
    RETURN_IF_ERROR(AddWeights(file, parameters, prefix, model.weights_));
  }
  if (HasTiedEmbeddings(model.config_)) {
    RETURN_IF_ERROR(CheckTiedHead(model.config_, model.weights_, directory));
  }
  for (const Parameter& parameter : AllParameters(model.config_)) {
    if (model.weights_.contains(parameter.name)) continue;
    return absl::NotFoundError(
        fmt::format("{}: tensor {} is missing", directory, parameter.name));
  }
  return model;
}

StoredFloats HuggingFaceModel::Find(std::string_view name) const {
  const auto found = weights_.find(name);
  if (found == weights_.end()) return {};
  return found->second;
}

}  // namespace penstock
