#ifndef PROTO_FILE_CHECKPOINT_H_
#define PROTO_FILE_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/file/disk.h"
#include "proto/gpt2.h"

// A checkpoint is a directory, named by the optimizer updates in its weights:
//
//   step-00000050/
//     model-00000-of-00002.safetensors      weights, float32
//     model-00001-of-00002.safetensors
//     optimizer-00000-of-00002.safetensors  "NAME.exp_avg", "NAME.exp_avg_sq"
//     optimizer-00001-of-00002.safetensors
//     manifest.json                         the Manifest below
//
// Tensors have the global names and shapes of AllParameters (proto/gpt2.h),
// each once, so shards can be read by any number of ranks; which shard has a
// tensor follows from nothing but the manifest. Ranks write their shards into
// the directory TemporaryCheckpointPath; when all are synced, the leading rank
// adds the manifest, syncs, and renames the directory. So a directory of the
// name above is complete, or something outside damaged it.

namespace penstock {

struct ShardFile {
  std::string file;  // Name within the directory.
  uint64_t size = 0;
  std::string xxh3;  // XXH3-128 of the file, 32 hexadecimal digits.
  std::vector<std::string> tensors;
};

struct Manifest {
  std::string job;
  uint64_t epoch = 0;  // Of the plan that wrote it.
  int64_t step = 0;    // Optimizer updates in the weights.
  Gpt2Config model;
  // The data cursor: samples [0, samples) were consumed.
  int64_t samples = 0;
  bool shuffled = false;
  uint64_t seed = 0;
  std::vector<ShardFile> shards;
};

// "step-00000050".
std::string CheckpointName(int64_t step);

// Where the ranks of plan `epoch` write the shards of `step`, below the job's
// checkpoint directory. Another plan never writes there.
std::string TemporaryCheckpointPath(const std::string& directory,
                                    uint64_t epoch, int64_t step);

// "model-00000-of-00002.safetensors" and "optimizer-...".
std::string ModelShardName(int rank, int ranks);
std::string OptimizerShardName(int rank, int ranks);

std::string ManifestToJson(const Manifest& manifest);

// The manifest of the checkpoint `path`, without looking at the shards.
//
// Errors (all name the file):
//   NotFound: there is no manifest, so no complete checkpoint.
//   InvalidArgument: the manifest is damaged.
//   Unimplemented: of another format version.
absl::StatusOr<Manifest> ReadManifest(const std::string& path);

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

// One hash over all weights (not the optimizer's state) in name order: XXH3-128
// of name, NUL, number of dimensions and extents as little-endian int64, and
// the values; 32 hexadecimal digits. Independent of sharding. `path` is a
// checkpoint or a Hugging Face directory.
//
// Errors: those of VerifyCheckpoint or OpenHuggingFace.
absl::StatusOr<std::string> HashWeights(const std::string& path);

}  // namespace penstock

#endif  // PROTO_FILE_CHECKPOINT_H_
