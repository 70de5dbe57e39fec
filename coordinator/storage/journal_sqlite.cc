#include "coordinator/storage/journal_sqlite.h"

#include <utility>

#include "coordinator/storage/sqlite.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

constexpr int64_t kApplicationId = 0x504e5354;  // "PNST"
constexpr int64_t kSchemaVersion = 2;

constexpr char kSchema[] = R"(
CREATE TABLE jobs(name TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE workers(name TEXT PRIMARY KEY, draining INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE metrics(job TEXT, step INTEGER, loss REAL, grad_norm REAL,
                     tokens_per_second REAL, bubble_measured REAL,
                     bubble_predicted REAL, step_seconds REAL,
                     step_seconds_predicted REAL NOT NULL DEFAULT 0,
                     plan_revision INTEGER NOT NULL DEFAULT 0,
                     PRIMARY KEY(job, step)) WITHOUT ROWID;
CREATE TABLE logs(job TEXT, sequence INTEGER, time_us INTEGER NOT NULL,
                  source TEXT NOT NULL, level TEXT NOT NULL,
                  text TEXT NOT NULL,
                  PRIMARY KEY(job, sequence)) WITHOUT ROWID;
)";

// From version 1, which did not keep them.
constexpr char kAddPrediction[] = R"(
ALTER TABLE metrics
  ADD COLUMN step_seconds_predicted REAL NOT NULL DEFAULT 0;
ALTER TABLE metrics ADD COLUMN plan_revision INTEGER NOT NULL DEFAULT 0;
)";

// Refuses what is not ours before anything is written.
absl::Status CheckOwner(Sqlite& database) {
  ASSIGN_OR_RETURN(const int64_t tables,
                   database.QueryInteger("SELECT count(*) FROM sqlite_master"));
  ASSIGN_OR_RETURN(const int64_t application,
                   database.QueryInteger("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t version,
                   database.QueryInteger("PRAGMA user_version"));
  if (tables == 0 && application == 0 && version == 0) return absl::OkStatus();
  if (application != kApplicationId) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: a database of another program; choose another state directory",
        database.path()));
  }
  if (version < 1 || version > kSchemaVersion) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: schema version {}, but this program knows version {}; use the "
        "program that wrote it",
        database.path(), version, kSchemaVersion));
  }
  return absl::OkStatus();
}

absl::Status CheckIntegrity(Sqlite& database) {
  ASSIGN_OR_RETURN(Sqlite::Statement check,
                   database.Prepare("PRAGMA quick_check(1)"));
  ASSIGN_OR_RETURN(const bool row, check.Step());
  if (row && check.Text(0) != "ok") {
    return absl::DataLossError(fmt::format(
        "{}: damaged: {}; nothing was overwritten: restore the file from a "
        "backup, or move it away to begin anew",
        database.path(), check.Text(0)));
  }
  return absl::OkStatus();
}

absl::Status CreateTables(Sqlite& database) {
  Sqlite::Transaction transaction(database);
  RETURN_IF_ERROR(transaction.Begin());
  ASSIGN_OR_RETURN(const int64_t version,
                   database.QueryInteger("PRAGMA user_version"));
  if (version == kSchemaVersion) return absl::OkStatus();
  RETURN_IF_ERROR(database.Execute(version == 0 ? kSchema : kAddPrediction));
  RETURN_IF_ERROR(
      database.Execute(fmt::format("PRAGMA application_id = {}; "
                                   "PRAGMA user_version = {}",
                                   kApplicationId, kSchemaVersion)));
  return transaction.Commit();
}

class SqliteJournal : public Journal {
 public:
  explicit SqliteJournal(Sqlite database) : database_(std::move(database)) {}

  absl::StatusOr<JournalContents> Read() override;
  absl::Status Commit(const JournalBatch& batch) override;
  absl::Status WriteMetrics(std::string_view job,
                            std::span<const StepMetrics> metrics) override;
  absl::StatusOr<std::vector<StepMetrics>> ReadMetrics(
      std::string_view job, int64_t after_step, size_t count_max) override;
  absl::Status WriteLogs(std::string_view job,
                         std::span<const LogLine> lines) override;
  absl::StatusOr<std::vector<StoredLogLine>> ReadLogs(
      std::string_view job, int64_t after_sequence) override;

 private:
  absl::Status WriteJobs(const std::vector<JournalJob>& jobs);
  absl::Status WriteWorkers(const std::vector<JournalWorker>& workers);

  Sqlite database_;
};

absl::StatusOr<JournalContents> SqliteJournal::Read() {
  JournalContents contents;
  ASSIGN_OR_RETURN(
      Sqlite::Statement jobs,
      database_.Prepare("SELECT name, record FROM jobs ORDER BY name"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, jobs.Step());
    if (!row) break;
    contents.jobs.push_back({.name = jobs.Text(0), .record = jobs.Text(1)});
  }
  ASSIGN_OR_RETURN(
      Sqlite::Statement workers,
      database_.Prepare("SELECT name, draining FROM workers ORDER BY name"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, workers.Step());
    if (!row) break;
    contents.workers.push_back(
        {.name = workers.Text(0), .draining = workers.Integer(1) != 0});
  }
  return contents;
}

absl::Status SqliteJournal::WriteJobs(const std::vector<JournalJob>& jobs) {
  ASSIGN_OR_RETURN(
      Sqlite::Statement insert,
      database_.Prepare("INSERT OR REPLACE INTO jobs VALUES(?, ?)"));
  for (const JournalJob& job : jobs) {
    RETURN_IF_ERROR(insert.Bind(0, job.name).BindBlob(1, job.record).Run());
  }
  return absl::OkStatus();
}

absl::Status SqliteJournal::WriteWorkers(
    const std::vector<JournalWorker>& workers) {
  ASSIGN_OR_RETURN(
      Sqlite::Statement insert,
      database_.Prepare("INSERT OR REPLACE INTO workers VALUES(?, ?)"));
  for (const JournalWorker& worker : workers) {
    RETURN_IF_ERROR(insert.Bind(0, worker.name)
                        .Bind(1, static_cast<int64_t>(worker.draining))
                        .Run());
  }
  return absl::OkStatus();
}

absl::Status SqliteJournal::Commit(const JournalBatch& batch) {
  RETURN_IF_ERROR(database_.Execute("PRAGMA synchronous = FULL"));
  Sqlite::Transaction transaction(database_);
  RETURN_IF_ERROR(transaction.Begin());
  RETURN_IF_ERROR(WriteJobs(batch.jobs));
  RETURN_IF_ERROR(WriteWorkers(batch.workers));
  return transaction.Commit();
}

absl::Status SqliteJournal::WriteMetrics(std::string_view job,
                                         std::span<const StepMetrics> metrics) {
  RETURN_IF_ERROR(database_.Execute("PRAGMA synchronous = NORMAL"));
  Sqlite::Transaction transaction(database_);
  RETURN_IF_ERROR(transaction.Begin());
  ASSIGN_OR_RETURN(Sqlite::Statement insert,
                   database_.Prepare("INSERT OR REPLACE INTO metrics "
                                     "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  for (const StepMetrics& step : metrics) {
    RETURN_IF_ERROR(insert.Bind(0, job)
                        .Bind(1, step.step)
                        .Bind(2, step.loss)
                        .Bind(3, step.grad_norm)
                        .Bind(4, step.tokens_per_second)
                        .Bind(5, step.bubble_fraction_measured)
                        .Bind(6, step.bubble_fraction_predicted)
                        .Bind(7, step.step_seconds)
                        .Bind(8, step.step_seconds_predicted)
                        .Bind(9, static_cast<int64_t>(step.plan_revision))
                        .Run());
  }
  return transaction.Commit();
}

absl::StatusOr<std::vector<StepMetrics>> SqliteJournal::ReadMetrics(
    std::string_view job, int64_t after_step, size_t count_max) {
  ASSIGN_OR_RETURN(
      Sqlite::Statement select,
      database_.Prepare(
          "SELECT step, loss, grad_norm, tokens_per_second, bubble_measured, "
          "bubble_predicted, step_seconds, step_seconds_predicted, "
          "plan_revision FROM metrics "
          "WHERE job = ? AND step > ? ORDER BY step LIMIT ?"));
  select.Bind(0, job)
      .Bind(1, after_step)
      .Bind(2, static_cast<int64_t>(count_max));
  std::vector<StepMetrics> metrics;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return metrics;
    metrics.push_back(
        {.step = select.Integer(0),
         .loss = select.Real(1),
         .grad_norm = select.Real(2),
         .tokens_per_second = select.Real(3),
         .bubble_fraction_measured = select.Real(4),
         .bubble_fraction_predicted = select.Real(5),
         .step_seconds = select.Real(6),
         .step_seconds_predicted = select.Real(7),
         .plan_revision = static_cast<uint64_t>(select.Integer(8))});
  }
}

absl::Status SqliteJournal::WriteLogs(std::string_view job,
                                      std::span<const LogLine> lines) {
  RETURN_IF_ERROR(database_.Execute("PRAGMA synchronous = NORMAL"));
  Sqlite::Transaction transaction(database_);
  RETURN_IF_ERROR(transaction.Begin());
  ASSIGN_OR_RETURN(
      Sqlite::Statement insert,
      database_.Prepare(
          "INSERT INTO logs VALUES(?1, (SELECT coalesce(max(sequence), 0) + 1 "
          "FROM logs WHERE job = ?1), ?2, ?3, ?4, ?5)"));
  for (const LogLine& line : lines) {
    RETURN_IF_ERROR(insert.Bind(0, job)
                        .Bind(1, absl::ToUnixMicros(line.time))
                        .Bind(2, line.source)
                        .Bind(3, line.level)
                        .Bind(4, line.text)
                        .Run());
  }
  ASSIGN_OR_RETURN(Sqlite::Statement trim,
                   database_.Prepare(
                       "DELETE FROM logs WHERE job = ?1 AND sequence <= "
                       "(SELECT max(sequence) FROM logs WHERE job = ?1) - ?2"));
  RETURN_IF_ERROR(
      trim.Bind(0, job).Bind(1, static_cast<int64_t>(kLogLinesKept)).Run());
  return transaction.Commit();
}

absl::StatusOr<std::vector<StoredLogLine>> SqliteJournal::ReadLogs(
    std::string_view job, int64_t after_sequence) {
  ASSIGN_OR_RETURN(
      Sqlite::Statement select,
      database_.Prepare(
          "SELECT sequence, time_us, source, level, text FROM logs "
          "WHERE job = ? AND sequence > ? ORDER BY sequence"));
  select.Bind(0, job).Bind(1, after_sequence);
  std::vector<StoredLogLine> lines;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return lines;
    lines.push_back({.sequence = select.Integer(0),
                     .line = {.time = absl::FromUnixMicros(select.Integer(1)),
                              .source = select.Text(2),
                              .level = select.Text(3),
                              .text = select.Text(4)}});
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> OpenSqliteJournal(
    const SqliteJournalOptions& options) {
  ASSIGN_OR_RETURN(Sqlite database, Sqlite::Open(options.path));
  RETURN_IF_ERROR(CheckOwner(database));
  RETURN_IF_ERROR(CheckIntegrity(database));
  RETURN_IF_ERROR(database.Execute("PRAGMA journal_mode = WAL"));
  if (options.page_count_max > 0) {
    RETURN_IF_ERROR(database.Execute(
        fmt::format("PRAGMA max_page_count = {}", options.page_count_max)));
  }
  RETURN_IF_ERROR(CreateTables(database));
  return std::unique_ptr<Journal>(
      std::make_unique<SqliteJournal>(std::move(database)));
}

}  // namespace penstock
