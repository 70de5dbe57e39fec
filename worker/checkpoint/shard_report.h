#ifndef WORKER_CHECKPOINT_SHARD_REPORT_H_
#define WORKER_CHECKPOINT_SHARD_REPORT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/file/manifest.h"

namespace penstock {

// What became of the shards that one rank wrote for one checkpoint.
struct ShardReport {
  uint64_t epoch = 0;
  int64_t step = 0;
  int rank = 0;
  // Not OK: this rank's shards are not there, the checkpoint is to be dropped.
  absl::Status status;
  // Without the lists of tensors, which are in the files.
  std::vector<ShardFile> files;
};

// A report travels as a message of this fixed size, for links deliver into
// buffers whose size the receiver knows.
inline constexpr size_t kShardReportBytes = 1024;
using ShardReportBytes = std::array<std::byte, kShardReportBytes>;

// A long status message is cut.
ShardReportBytes Serialize(const ShardReport& report);

// Errors:
//   InvalidArgument: not what Serialize made.
absl::StatusOr<ShardReport> ParseShardReport(std::span<const std::byte> bytes);

}  // namespace penstock

#endif  // WORKER_CHECKPOINT_SHARD_REPORT_H_
