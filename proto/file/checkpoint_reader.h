#ifndef PROTO_FILE_CHECKPOINT_READER_H_
#define PROTO_FILE_CHECKPOINT_READER_H_

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/file/manifest.h"
#include "proto/file/safetensors.h"

namespace penstock {

// The tensors of a checkpoint, wherever its shards have them. A shard is opened
// and its checksum proved when its first tensor is asked for, so a reader pays
// only for what it uses. Thread-compatible.
class CheckpointReader {
 public:
  // Errors: as ReadManifest (proto/file/manifest.h).
  static absl::StatusOr<CheckpointReader> Open(const std::string& path);

  const Manifest& manifest() const { return manifest_; }

  // The values of a tensor, aligned; valid as long as this object.
  //
  // Errors (all name file and tensor):
  //   NotFound: no such tensor, or its shard is missing.
  //   InvalidArgument: another shape, or the shard is damaged.
  absl::StatusOr<std::span<const float>> Read(
      std::string_view name, const std::vector<int64_t>& shape);

 private:
  CheckpointReader(std::string path, Manifest manifest);

  absl::StatusOr<const SafetensorsFile*> OpenShard(size_t shard);

  std::string path_;
  Manifest manifest_;
  std::map<std::string, size_t, std::less<>> shard_of_;  // By tensor.
  std::map<size_t, SafetensorsFile> open_;               // By shard.
};

// AdamW's moments of a parameter, under these names.
std::string ExpAvgName(std::string_view parameter);
std::string ExpAvgSqName(std::string_view parameter);

}  // namespace penstock

#endif  // PROTO_FILE_CHECKPOINT_READER_H_
