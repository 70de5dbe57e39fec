#ifndef WORKER_CHECKPOINT_SHARD_WRITER_H_
#define WORKER_CHECKPOINT_SHARD_WRITER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/base/mutex.h"
#include "proto/file/disk.h"
#include "worker/checkpoint/shard_report.h"

namespace penstock {

// One parameter of the rank and its AdamW moments, in host memory that stays
// unchanged until the write is over.
struct SnapshotTensor {
  std::string name;  // Global, see proto/gpt2.h.
  std::vector<int64_t> shape;
  std::span<const float> weight;
  std::span<const float> exp_avg;
  std::span<const float> exp_avg_sq;
};

// Writes the shards of one rank in the background while it trains on. A tensor
// that two ranks hold, which is the tied embedding, is handed over by the rank
// of unit 0 only.
//
// Owns one thread and at most one write at a time. Thread-safe.
class ShardWriter {
 public:
  struct Options {
    std::string directory;  // Of the job's checkpoints; created if missing.
    uint64_t epoch = 0;
    int rank = 0;
    int ranks = 1;
  };

  ShardWriter(Options options, Disk& disk);

  // Waits for a write in progress; an operating system call that hangs is the
  // process's supervisor's to end.
  ~ShardWriter();

  ShardWriter(const ShardWriter&) = delete;
  ShardWriter& operator=(const ShardWriter&) = delete;

  // Starts to write `tensors` as this rank's part of the checkpoint of `step`
  // into TemporaryCheckpointPath. Does not block; the memory that the spans
  // name must stay unchanged until the report is fetched.
  //
  // Errors:
  //   FailedPrecondition: the report of the write before was not fetched yet.
  absl::Status Begin(int64_t step, std::vector<SnapshotTensor> tensors);

  // True from Begin until the report is fetched.
  bool busy() const;

  // The report of the write that Begin started, once, when it is over; empty
  // before. A failed write has removed its files and says why in its status
  // (ResourceExhausted: the disk is full); training goes on.
  std::optional<ShardReport> Poll();

  // As Poll, but waits until `deadline` (of SteadyNow) for a write in progress.
  std::optional<ShardReport> Wait(absl::Time deadline);

 private:
  struct Job {
    int64_t step = 0;
    std::vector<SnapshotTensor> tensors;
  };

  void Run();
  ShardReport WriteShards(const Job& job);

  const Options options_;
  Disk& disk_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<Job> job_ ABSL_GUARDED_BY(mutex_);
  std::optional<ShardReport> report_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace penstock

#endif  // WORKER_CHECKPOINT_SHARD_WRITER_H_
