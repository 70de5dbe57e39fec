#ifndef WORKER_CHECKPOINT_COMMIT_H_
#define WORKER_CHECKPOINT_COMMIT_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/file/disk.h"
#include "proto/file/manifest.h"
#include "proto/metrics.h"
#include "worker/checkpoint/shard_report.h"

namespace penstock {

// Makes a checkpoint of the shards that all ranks of replica 0 have reported;
// the leading rank (0 of replica 0) calls it. `manifest` comes without shards;
// `metrics` are those of its last steps, as CheckpointMetricsToJson takes them.
// Returns the checkpoint's path. After a crash at any point there is what was
// before or the new checkpoint, complete; one of the same step is replaced.
//
// Blocks for a few syncs of small files and a directory.
//
// Errors:
//   those that a report carries, with its rank: the temporary directory is
//     removed, the checkpoint is dropped, training goes on;
//   FailedPrecondition: reports of another epoch or step, or not one per rank;
//   InvalidArgument: the shards do not have every tensor of the model once;
//   ResourceExhausted: the disk is full.
absl::StatusOr<std::string> CommitCheckpoint(
    const std::string& directory, Manifest manifest,
    const std::vector<ShardReport>& reports,
    std::span<const StepMetrics> metrics, Disk& disk);

// Removes what plans before `epoch` left behind half-written in `directory`.
// The leading rank calls it before its first checkpoint.
absl::Status RemoveStaleTemporaries(const std::string& directory,
                                    uint64_t epoch, Disk& disk);

}  // namespace penstock

#endif  // WORKER_CHECKPOINT_COMMIT_H_
