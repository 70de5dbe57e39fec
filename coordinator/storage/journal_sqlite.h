#ifndef COORDINATOR_STORAGE_JOURNAL_SQLITE_H_
#define COORDINATOR_STORAGE_JOURNAL_SQLITE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/storage/journal.h"

namespace penstock {

struct SqliteJournalOptions {
  std::string path;  // Of the database file; its directory must exist.
  // Largest database in pages of 4 KiB; 0 for no limit but the disk's.
  int64_t page_count_max = 0;
};

// A Journal in one SQLite database, in write-ahead mode. Jobs and workers are
// committed with synchronous=FULL (the log is fsynced before Commit returns),
// metrics and log lines with NORMAL (fsynced at checkpoints of the log).
//
// Tables, version 1 (PRAGMA user_version; application_id is "PNST"):
//   jobs(name, record)
//   workers(name, draining)
//   metrics(job, step, loss, grad_norm, tokens_per_second, bubble_measured,
//           bubble_predicted, step_seconds)
//   logs(job, sequence, time_us, source, level, text)
//
// Errors, besides those of every function of Journal:
//   FailedPrecondition: the database belongs to another program, or to a later
//     version of this one.
absl::StatusOr<std::unique_ptr<Journal>> OpenSqliteJournal(
    const SqliteJournalOptions& options);

}  // namespace penstock

#endif  // COORDINATOR_STORAGE_JOURNAL_SQLITE_H_
