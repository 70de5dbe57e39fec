#ifndef WORKER_RUNTIME_CHECKPOINTER_H_
#define WORKER_RUNTIME_CHECKPOINTER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kernels/backend.h"
#include "proto/file/disk.h"
#include "proto/plan.h"
#include "worker/checkpoint/shard_writer.h"
#include "worker/runtime/data_cursor.h"
#include "worker/runtime/rank_memory.h"

namespace penstock {

// One rank's part in checkpoints: copies its weights and moments to host
// memory, which is all that training waits for, and has them written behind it.
// Only the ranks of replica 0 write; the others hold the same weights.
//
// Thread-compatible.
class Checkpointer {
 public:
  // `plan`, `memory`, `backend` and `disk` must outlive this.
  Checkpointer(const Plan& plan, const Assignment& assignment,
               RankMemory& memory, Backend& backend, Disk& disk);

  // False for replicas other than 0 and for models without weights.
  bool writes() const { return writer_.has_value(); }

  // Copies the weights after update `step` and starts to write them. Waits for
  // the write before, if that is not over.
  //
  // Errors: those of Backend; DeadlineExceeded: the write before hangs.
  absl::Status Snapshot(int64_t step, absl::Time deadline);

  // A report of a finished write, each once; empty when there is none.
  std::optional<ShardReport> Poll();

  // As Poll, but waits for a write that is not over.
  std::optional<ShardReport> Wait(absl::Time deadline);

 private:
  const Plan& plan_;
  RankMemory& memory_;
  Backend& backend_;
  std::optional<ShardWriter> writer_;
  std::deque<ShardReport> reports_;  // Fetched, not yet polled; 2 at most.
};

// The leader's part: collects the reports of all ranks and makes them a
// checkpoint when they are complete. Thread-compatible.
class CheckpointCollector {
 public:
  CheckpointCollector(const Plan& plan, uint64_t epoch,
                      const DataCursor& cursor, Disk& disk)
      : plan_(plan), epoch_(epoch), cursor_(cursor), disk_(disk) {}

  // Takes a report in. When it completes a checkpoint, commits it, removes old
  // ones, and returns its path; empty while reports are missing.
  //
  // Errors: those of CommitCheckpoint; training can go on.
  absl::StatusOr<std::string> Add(const ShardReport& report);

 private:
  const Plan& plan_;
  const uint64_t epoch_;
  const DataCursor cursor_;
  Disk& disk_;
  std::map<int64_t, std::vector<ShardReport>> pending_;  // By step.
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_CHECKPOINTER_H_
