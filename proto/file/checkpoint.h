#ifndef PROTO_FILE_CHECKPOINT_H_
#define PROTO_FILE_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/file/disk.h"
#include "proto/file/manifest.h"

// Checkpoints as a whole; manifest.h says what they consist of.

namespace penstock {

// Reads all of a checkpoint and proves it whole: sizes, checksums, and every
// tensor of the model present once with its shape and both moments.
//
// Errors (all name the file, and the tensor when it is one):
//   NotFound: no manifest, or a shard is missing.
//   InvalidArgument, Unimplemented: as ReadManifest, or what differs.
absl::StatusOr<Manifest> VerifyCheckpoint(const std::string& path);

struct CheckpointEntry {
  std::string path;
  int64_t step = 0;
  uint64_t bytes = 0;
  absl::Time time;  // Of the manifest's last change.
};

// The checkpoints in `directory` with readable manifest and all shards of the
// right size, by step, oldest first. A missing directory has none.
//
// Errors: PermissionDenied, Internal as the system says.
absl::StatusOr<std::vector<CheckpointEntry>> ListCheckpoints(
    const std::string& directory);

struct GoodCheckpoint {
  CheckpointEntry entry;
  // What is wrong with each newer one, to be logged.
  std::vector<std::string> damages;
};

// The newest checkpoint that VerifyCheckpoint accepts.
//
// Errors:
//   NotFound: there is none; the message says what is wrong with each.
absl::StatusOr<GoodCheckpoint> NewestGoodCheckpoint(
    const std::string& directory);

// Removes all but the newest `keep` >= 1 of ListCheckpoints, oldest first, and
// returns the removed paths. What is not a complete checkpoint stays, so the
// newest complete one always does.
absl::StatusOr<std::vector<std::string>> PruneCheckpoints(
    const std::string& directory, int64_t keep, Disk& disk);

}  // namespace penstock

#endif  // PROTO_FILE_CHECKPOINT_H_
