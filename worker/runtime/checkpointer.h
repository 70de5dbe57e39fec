#ifndef WORKER_RUNTIME_CHECKPOINTER_H_
#define WORKER_RUNTIME_CHECKPOINTER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kernels/backend.h"
#include "proto/base/mutex.h"
#include "proto/file/disk.h"
#include "proto/metrics.h"
#include "proto/plan.h"
#include "worker/checkpoint/shard_writer.h"
#include "worker/runtime/data_cursor.h"
#include "worker/runtime/rank_memory.h"
#include "worker/runtime/recent_metrics.h"

namespace penstock {

// One rank's part in checkpoints: copies its weights and moments to host
// memory, which is all that training waits for, and has them written behind it.
// Only the ranks of replica 0 write; the others hold the same weights.
//
// Thread-compatible.
class Checkpointer {
 public:
  // `memory`, `backend` and `disk` must outlive this.
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
  //
  // Errors: DeadlineExceeded: it is still not over at `deadline`.
  absl::StatusOr<std::optional<ShardReport>> Wait(absl::Time deadline);

 private:
  RankMemory& memory_;
  Backend& backend_;
  std::optional<ShardWriter> writer_;
  std::deque<ShardReport> reports_;  // Fetched, not yet polled; 2 at most.
};

// What became of a checkpoint whose shards were all reported.
struct CommitResult {
  int64_t step = 0;
  // Its path, or why there is none (those of CommitCheckpoint and
  // PruneCheckpoints); training can go on.
  absl::StatusOr<std::string> path;
};

// The leader's part: collects the reports of all ranks and, when they are
// complete, makes them a checkpoint in the background, for that opens and syncs
// files while all ranks would wait.
//
// Owns one thread, which makes one commit at a time. Thread-compatible.
class CheckpointCollector {
 public:
  // Complete checkpoints that may wait for the commit of the one before.
  static constexpr size_t kQueueMax = 2;

  // `plan`, `metrics` and `disk` must outlive this. `metrics` has those of the
  // steps of a checkpoint when the last of its shards is added.
  CheckpointCollector(const Plan& plan, uint64_t epoch,
                      const DataCursor& cursor, const RecentMetrics& metrics,
                      Disk& disk);

  // Waits for a commit in progress, and drops those that wait.
  ~CheckpointCollector();

  CheckpointCollector(const CheckpointCollector&) = delete;
  CheckpointCollector& operator=(const CheckpointCollector&) = delete;

  // Takes a report in. When it completes a checkpoint, has it committed and old
  // ones removed. Waits only when kQueueMax of them are waiting.
  //
  // Errors: DeadlineExceeded: they still do at `deadline` (of SteadyNow).
  absl::Status Add(const ShardReport& report, absl::Time deadline);

  // The results since the last call, oldest first.
  std::vector<CommitResult> Poll();

  // As Poll, but waits until nothing is to be committed any more.
  //
  // Errors: DeadlineExceeded: a commit is still not over at `deadline`.
  absl::StatusOr<std::vector<CommitResult>> Wait(absl::Time deadline);

 private:
  struct Job {
    int64_t step = 0;
    std::vector<ShardReport> reports;
    std::vector<StepMetrics> metrics;
  };

  void Run();
  absl::StatusOr<std::string> Commit(const Job& job);

  const Plan& plan_;
  const uint64_t epoch_;
  const DataCursor cursor_;
  const RecentMetrics& metrics_;
  Disk& disk_;
  std::map<int64_t, std::vector<ShardReport>> pending_;  // By step.
  Mutex mutex_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool committing_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  std::vector<CommitResult> results_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_CHECKPOINTER_H_
