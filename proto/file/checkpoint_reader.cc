#include "proto/file/checkpoint_reader.h"

#include <cstdint>

#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/checksum.h"
#include "proto/file/json.h"

namespace penstock {
namespace {

// The shard as its writer left it, with the tensors that the manifest lists.
absl::Status CheckShard(const SafetensorsFile& file, const ShardFile& shard) {
  if (file.bytes().size() != shard.size) {
    return absl::InvalidArgumentError(
        fmt::format("{} has {} bytes, the manifest says {}", file.path(),
                    file.bytes().size(), shard.size));
  }
  if (file.index().size() != shard.tensors.size()) {
    return absl::InvalidArgumentError(
        fmt::format("{} has {} tensors, the manifest says {}", file.path(),
                    file.index().size(), shard.tensors.size()));
  }
  const std::string checksum = ChecksumOf(file.bytes());
  if (checksum == shard.xxh3) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} is damaged: its checksum is {}, the manifest says {}; "
                  "use another checkpoint",
                  file.path(), checksum, shard.xxh3));
}

}  // namespace

CheckpointReader::CheckpointReader(std::string path, Manifest manifest)
    : path_(std::move(path)), manifest_(std::move(manifest)) {
  for (size_t shard = 0; shard < manifest_.shards.size(); ++shard) {
    for (const std::string& tensor : manifest_.shards[shard].tensors) {
      shard_of_.emplace(tensor, shard);
    }
  }
}

absl::StatusOr<CheckpointReader> CheckpointReader::Open(
    const std::string& path) {
  ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(path));
  return CheckpointReader(path, std::move(manifest));
}

absl::StatusOr<const SafetensorsFile*> CheckpointReader::OpenShard(
    size_t shard) {
  const auto found = open_.find(shard);
  if (found != open_.end()) return &found->second;
  const ShardFile& listed = manifest_.shards[shard];
  ASSIGN_OR_RETURN(SafetensorsFile file,
                   SafetensorsFile::Open(path_ + "/" + listed.file));
  RETURN_IF_ERROR(CheckShard(file, listed));
  return &open_.emplace(shard, std::move(file)).first->second;
}

absl::StatusOr<std::span<const float>> CheckpointReader::Read(
    std::string_view name, const std::vector<int64_t>& shape) {
  const auto found = shard_of_.find(name);
  if (found == shard_of_.end()) {
    return absl::NotFoundError(fmt::format("{}/{} lists no tensor {}", path_,
                                           kManifestName, Quoted(name)));
  }
  ASSIGN_OR_RETURN(const SafetensorsFile* file, OpenShard(found->second));
  ASSIGN_OR_RETURN(const std::span<const std::byte> bytes,
                   file->Float32(name, shape));
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(float) != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{}: tensor {} is not aligned, so penstock did not write "
                    "it",
                    file->path(), Quoted(name)));
  }
  return std::span(reinterpret_cast<const float*>(bytes.data()),
                   bytes.size() / sizeof(float));
}

std::string ExpAvgName(std::string_view parameter) {
  return std::string(parameter) + ".exp_avg";
}

std::string ExpAvgSqName(std::string_view parameter) {
  return std::string(parameter) + ".exp_avg_sq";
}

}  // namespace penstock
