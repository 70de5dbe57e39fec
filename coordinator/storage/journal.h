#ifndef COORDINATOR_STORAGE_JOURNAL_H_
#define COORDINATOR_STORAGE_JOURNAL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/log_line.h"
#include "proto/metrics.h"

namespace penstock {

// All that must be known of a job to go on with it after a restart. `record` is
// opaque here: a serialized penstock.internal.v1.JobRecord.
struct JournalJob {
  std::string name;
  std::string record;
};

struct JournalWorker {
  std::string name;
  bool draining = false;
};

// Changes that belong together: all of them are kept, or none. Each entry
// replaces the one of its name.
struct JournalBatch {
  std::vector<JournalJob> jobs;
  std::vector<JournalWorker> workers;
};

struct JournalContents {
  std::vector<JournalJob> jobs;        // By name.
  std::vector<JournalWorker> workers;  // By name.
};

// `sequence` grows from line to line of one job.
struct StoredLogLine {
  int64_t sequence = 0;
  LogLine line;
};

inline constexpr int kLogLinesKept = 1000;  // The newest, of each job.

// What the coordinator remembers across restarts.
//
// Two classes of durability:
// - Jobs and workers: when Commit has returned OK, the batch survives a
//   crash of the process and of the machine. When it has failed, or the process
//   died in it, nothing of the batch is there.
// - Metrics and log lines: survive a crash of the process. A crash of the
//   machine may lose the newest ones, never the order or older ones.
//
// Thread-compatible: the owner of the coordinator's state holds its lock while
// it calls.
//
// Errors of all functions:
//   ResourceExhausted: the disk is full; nothing of the call was kept. Try
//     again when there is space.
//   DataLoss: what is on disk is damaged; nothing was overwritten.
//   Unavailable: the disk failed. The journal may be behind; reopen it.
class Journal {
 public:
  virtual ~Journal() = default;

  virtual absl::StatusOr<JournalContents> Read() = 0;

  virtual absl::Status Commit(const JournalBatch& batch) = 0;

  // Of equal steps the newer metrics stay: after a recovery steps are made
  // again.
  virtual absl::Status WriteMetrics(std::string_view job,
                                    std::span<const StepMetrics> metrics) = 0;

  // The first `count_max` metrics after `after_step`, by step.
  virtual absl::StatusOr<std::vector<StepMetrics>> ReadMetrics(
      std::string_view job, int64_t after_step, size_t count_max) = 0;

  // Adds lines; of each job the newest kLogLinesKept stay.
  virtual absl::Status WriteLogs(std::string_view job,
                                 std::span<const LogLine> lines) = 0;

  // Lines after `after_sequence`, oldest first. Of times whole microseconds are
  // kept.
  virtual absl::StatusOr<std::vector<StoredLogLine>> ReadLogs(
      std::string_view job, int64_t after_sequence) = 0;
};

}  // namespace penstock

#endif  // COORDINATOR_STORAGE_JOURNAL_H_
