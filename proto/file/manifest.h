#ifndef PROTO_FILE_MANIFEST_H_
#define PROTO_FILE_MANIFEST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/architecture.h"

// A checkpoint is a directory, named by the optimizer updates in its weights:
//
//   step-00000050/
//     model-00000-of-00002.safetensors      weights, float32
//     model-00001-of-00002.safetensors
//     optimizer-00000-of-00002.safetensors  "NAME.exp_avg", "NAME.exp_avg_sq"
//     optimizer-00001-of-00002.safetensors
//     metrics.json                          of its last steps, see
//                                           checkpoint_metrics.h
//     manifest.json                         the Manifest below
//
// Tensors have the global names and shapes of AllParameters
// (proto/architecture.h), each once, so shards can be read by any number of
// ranks; which shard has a tensor follows from nothing but the manifest. Ranks
// write their shards into the directory TemporaryCheckpointPath; when all are
// synced, the leading rank adds metrics and manifest, syncs, and renames the
// directory.
// So a directory of the name above is complete, or something outside damaged
// it.

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
  Architecture model;
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

inline constexpr char kManifestName[] = "manifest.json";

std::string ManifestToJson(const Manifest& manifest);

// Errors: InvalidArgument and Unimplemented as ReadManifest, but the message
// names no file.
absl::StatusOr<Manifest> ManifestFromJson(std::string_view text);

// The manifest of the checkpoint `path`, without looking at the shards.
//
// Errors (all name the file):
//   NotFound: there is no manifest, so no complete checkpoint.
//   InvalidArgument: the manifest is damaged.
//   Unimplemented: of another format version.
absl::StatusOr<Manifest> ReadManifest(const std::string& path);

}  // namespace penstock

#endif  // PROTO_FILE_MANIFEST_H_
