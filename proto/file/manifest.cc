#include "proto/file/manifest.h"

#include <algorithm>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/file/architecture_json.h"
#include "proto/file/json.h"

namespace penstock {
namespace {

using nlohmann::json;

constexpr char kFormat[] = "penstock.checkpoint";
constexpr int64_t kVersion = 1;

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(std::string(what));
}

// A name that cannot lead out of the checkpoint's directory.
bool IsPlainName(std::string_view name) {
  return !name.empty() && name.front() != '.' &&
         name.find_first_of(std::string_view("/\0", 2)) == name.npos;
}

bool IsChecksum(std::string_view text) {
  return text.size() == 32 &&
         text.find_first_not_of("0123456789abcdef") == text.npos;
}

absl::StatusOr<ShardFile> ReadShard(const json& object) {
  ShardFile shard;
  ASSIGN_OR_RETURN(shard.file, JsonString(object, "file"));
  if (!IsPlainName(shard.file)) {
    return Invalid(
        fmt::format("shard {} is not a plain file name", Quoted(shard.file)));
  }
  ASSIGN_OR_RETURN(shard.size, JsonUnsigned(object, "size"));
  ASSIGN_OR_RETURN(shard.xxh3, JsonString(object, "xxh3"));
  if (!IsChecksum(shard.xxh3)) {
    return Invalid(fmt::format("checksum {} of {} is not 32 hexadecimal digits",
                               Quoted(shard.xxh3), shard.file));
  }
  ASSIGN_OR_RETURN(const json* tensors, JsonArray(object, "tensors"));
  for (const json& tensor : *tensors) {
    if (!tensor.is_string()) return Invalid("a tensor's name is not a string");
    shard.tensors.push_back(tensor.get<std::string>());
  }
  return shard;
}

absl::Status ReadShards(const json& array, std::vector<ShardFile>& shards) {
  std::set<std::string> files;
  std::set<std::string> tensors;
  for (const json& object : array) {
    ASSIGN_OR_RETURN(ShardFile shard, ReadShard(object));
    if (!files.insert(shard.file).second) {
      return Invalid(fmt::format("shard {} twice", shard.file));
    }
    for (const std::string& tensor : shard.tensors) {
      if (tensors.insert(tensor).second) continue;
      return Invalid(fmt::format("tensor {} twice", Quoted(tensor)));
    }
    shards.push_back(std::move(shard));
  }
  return absl::OkStatus();
}

absl::Status ReadData(const json& object, Manifest& manifest) {
  ASSIGN_OR_RETURN(manifest.samples, JsonInteger(object, "samples"));
  ASSIGN_OR_RETURN(const std::string order, JsonString(object, "order"));
  if (order != "sequential" && order != "shuffled") {
    return Invalid(fmt::format("unknown data order {}", Quoted(order)));
  }
  manifest.shuffled = order == "shuffled";
  ASSIGN_OR_RETURN(manifest.seed, JsonUnsigned(object, "seed"));
  if (manifest.samples < 0) return Invalid("a negative number of samples");
  return absl::OkStatus();
}

absl::Status CheckFormat(const json& object) {
  ASSIGN_OR_RETURN(const std::string format, JsonString(object, "format"));
  if (format != kFormat) {
    return Invalid(
        fmt::format("format {}, expected \"{}\"", Quoted(format), kFormat));
  }
  ASSIGN_OR_RETURN(const int64_t version, JsonInteger(object, "version"));
  if (version == kVersion) return absl::OkStatus();
  return absl::UnimplementedError(
      fmt::format("format version {}; this program reads version {}, use the "
                  "one that wrote it",
                  version, kVersion));
}

}  // namespace

std::string CheckpointName(int64_t step) {
  return fmt::format("step-{:08}", step);
}

std::string TemporaryCheckpointPath(const std::string& directory,
                                    uint64_t epoch, int64_t step) {
  return fmt::format("{}/.{}.epoch-{}.tmp", directory, CheckpointName(step),
                     epoch);
}

std::string ModelShardName(int rank, int ranks) {
  return fmt::format("model-{:05}-of-{:05}.safetensors", rank, ranks);
}

std::string OptimizerShardName(int rank, int ranks) {
  return fmt::format("optimizer-{:05}-of-{:05}.safetensors", rank, ranks);
}

std::string ManifestToJson(const Manifest& manifest) {
  using ordered = nlohmann::ordered_json;
  ordered shards = ordered::array();
  for (const ShardFile& shard : manifest.shards) {
    shards.push_back({{"file", shard.file},
                      {"size", shard.size},
                      {"xxh3", shard.xxh3},
                      {"tensors", shard.tensors}});
  }
  const ordered object = {
      {"format", kFormat},
      {"version", kVersion},
      {"job", manifest.job},
      {"epoch", manifest.epoch},
      {"step", manifest.step},
      {"model", ArchitectureToJson(manifest.model)},
      {"data",
       {{"samples", manifest.samples},
        {"order", manifest.shuffled ? "shuffled" : "sequential"},
        {"seed", manifest.seed}}},
      {"shards", shards}};
  return object.dump(1, ' ', false, ordered::error_handler_t::replace) + "\n";
}

absl::StatusOr<Manifest> ManifestFromJson(std::string_view text) {
  ASSIGN_OR_RETURN(const json object, ParseJson(text));
  RETURN_IF_ERROR(CheckFormat(object));
  Manifest manifest;
  ASSIGN_OR_RETURN(manifest.job, JsonString(object, "job"));
  ASSIGN_OR_RETURN(manifest.epoch, JsonUnsigned(object, "epoch"));
  ASSIGN_OR_RETURN(manifest.step, JsonInteger(object, "step"));
  if (manifest.step < 0) return Invalid("a negative step");
  ASSIGN_OR_RETURN(const json* model, JsonObject(object, "model"));
  ASSIGN_OR_RETURN(manifest.model, ArchitectureFromJson(*model));
  ASSIGN_OR_RETURN(const json* data, JsonObject(object, "data"));
  RETURN_IF_ERROR(ReadData(*data, manifest));
  ASSIGN_OR_RETURN(const json* shards, JsonArray(object, "shards"));
  RETURN_IF_ERROR(ReadShards(*shards, manifest.shards));
  return manifest;
}

absl::StatusOr<Manifest> ReadManifest(const std::string& path) {
  const std::string file = path + "/" + kManifestName;
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(fmt::format(
        "{} does not exist, so {} is no complete checkpoint", file, path));
  }
  if (!text.ok()) return text.status();
  absl::StatusOr<Manifest> manifest = ManifestFromJson(*text);
  if (!manifest.ok()) return Annotate(manifest.status(), file);
  return manifest;
}

}  // namespace penstock
