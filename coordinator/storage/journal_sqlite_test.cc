#include "coordinator/storage/journal_sqlite.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "coordinator/storage/sqlite.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

class SqliteJournalTest : public testing::Test {
 protected:
  SqliteJournalTest() {
    std::string pattern = testing::TempDir() + "journal_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ + "/journal.db";
  }
  ~SqliteJournalTest() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Journal> Open(int64_t page_count_max = 0) {
    absl::StatusOr<std::unique_ptr<Journal>> journal =
        OpenSqliteJournal({.path = path_, .page_count_max = page_count_max});
    EXPECT_TRUE(journal.ok()) << journal.status();
    return *std::move(journal);
  }

  std::string directory_;
  std::string path_;
};

StepMetrics Metrics(int64_t step, double loss) {
  return {.step = step,
          .loss = loss,
          .grad_norm = 0.5,
          .tokens_per_second = 1000,
          .bubble_fraction_measured = 0.2,
          .bubble_fraction_predicted = 0.1,
          .step_seconds = 0.25,
          .step_seconds_predicted = 0.2,
          .plan_revision = 3};
}

TEST_F(SqliteJournalTest, ReadsBackAfterReopening) {
  const std::string record("a\0b", 3);
  ASSERT_TRUE(Open()
                  ->Commit({.jobs = {{"kjv", "old"}, {"abc", "x"}},
                            .workers = {{"w1", true}, {"w2", false}}})
                  .ok());
  ASSERT_TRUE(
      Open()
          ->Commit({.jobs = {{"kjv", record}}, .workers = {{"w1", false}}})
          .ok());
  const absl::StatusOr<JournalContents> contents = Open()->Read();
  ASSERT_TRUE(contents.ok()) << contents.status();
  ASSERT_EQ(contents->jobs.size(), 2);
  EXPECT_EQ(contents->jobs[0].name, "abc");
  EXPECT_EQ(contents->jobs[1].record, record);
  ASSERT_EQ(contents->workers.size(), 2);
  EXPECT_EQ(contents->workers[0].name, "w1");
  EXPECT_FALSE(contents->workers[0].draining);
}

// A copy of the files as they are after a kill; its write-ahead log is cut at
// many lengths, as by a crash of the machine. Each batch changes two jobs.
TEST_F(SqliteJournalTest, KeepsWholeBatchesWhereverItsLogIsCut) {
  const std::unique_ptr<Journal> journal = Open();
  constexpr int kBatches = 8;
  for (int i = 1; i <= kBatches; ++i) {
    const std::string record = fmt::format("{:0500}", i);
    ASSERT_TRUE(journal->Commit({.jobs = {{"a", record}, {"b", record}}}).ok());
  }
  const std::string log = *ReadFile(path_ + "-wal");
  const std::string copy = directory_ + "/copy.db";
  std::string newest;
  for (size_t size = 0; size <= log.size(); size += 997) {
    SCOPED_TRACE(size);
    std::filesystem::remove(copy + "-shm");
    std::filesystem::copy_file(
        path_, copy, std::filesystem::copy_options::overwrite_existing);
    std::ofstream(copy + "-wal", std::ios::binary) << log.substr(0, size);
    const auto reopened = OpenSqliteJournal({.path = copy});
    ASSERT_TRUE(reopened.ok()) << reopened.status();
    const absl::StatusOr<JournalContents> contents = (*reopened)->Read();
    ASSERT_TRUE(contents.ok()) << contents.status();
    if (contents->jobs.empty()) continue;
    ASSERT_EQ(contents->jobs.size(), 2);
    EXPECT_EQ(contents->jobs[0].record, contents->jobs[1].record);
    EXPECT_GE(contents->jobs[0].record, newest);
    newest = contents->jobs[0].record;
  }
  EXPECT_GE(newest, fmt::format("{:0500}", kBatches - 1));
}

TEST_F(SqliteJournalTest, LosesNothingAndRefusesWhenTheDiskIsFull) {
  const std::unique_ptr<Journal> journal = Open(/*page_count_max=*/16);
  ASSERT_TRUE(journal->Commit({.jobs = {{"kept", "small"}}}).ok());
  const absl::Status full = journal->Commit(
      {.jobs = {{"kept", "new"}, {"big", std::string(1 << 20, 'x')}}});
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
  EXPECT_NE(std::string(full.message()).find("disk is full"), std::string::npos)
      << full;
  ASSERT_TRUE(journal->Commit({.jobs = {{"after", "small"}}}).ok());
  const absl::StatusOr<JournalContents> contents = journal->Read();
  ASSERT_EQ(contents->jobs.size(), 2);
  EXPECT_EQ(contents->jobs[0].name, "after");
  EXPECT_EQ(contents->jobs[1].record, "small");
}

TEST_F(SqliteJournalTest, RefusesGarbageAndLeavesItAsItIs) {
  const std::string garbage(8192, 'g');
  std::ofstream(path_, std::ios::binary) << garbage;
  const auto journal = OpenSqliteJournal({.path = path_});
  EXPECT_EQ(journal.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(journal.status().message()).find(path_),
            std::string::npos);
  EXPECT_EQ(*ReadFile(path_), garbage);
}

TEST_F(SqliteJournalTest, RefusesADamagedDatabase) {
  {
    const std::unique_ptr<Journal> journal = Open();
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(journal
                      ->Commit({.jobs = {{fmt::format("job{}", i),
                                          std::string(1000, 'r')}}})
                      .ok());
    }
  }
  std::string content = *ReadFile(path_);
  ASSERT_GT(content.size(), 40000);
  for (size_t i = 4096; i < content.size(); i += 4096) {
    content.replace(i, 512, 512, '\x7f');
  }
  std::ofstream(path_, std::ios::binary) << content;
  const auto journal = OpenSqliteJournal({.path = path_});
  EXPECT_EQ(journal.status().code(), absl::StatusCode::kDataLoss)
      << journal.status();
  EXPECT_EQ(*ReadFile(path_), content);
}

TEST_F(SqliteJournalTest, TakesOverAJournalThatKeptNoPrediction) {
  StepMetrics metrics = Metrics(1, 5.0);
  ASSERT_TRUE(Open()->WriteMetrics("kjv", std::span(&metrics, 1)).ok());
  {
    absl::StatusOr<Sqlite> database = Sqlite::Open(path_);
    ASSERT_TRUE(database.ok()) << database.status();
    const absl::Status status = database->Execute(
        "ALTER TABLE metrics DROP COLUMN step_seconds_predicted; "
        "ALTER TABLE metrics DROP COLUMN plan_revision; "
        "PRAGMA user_version = 1");
    ASSERT_TRUE(status.ok()) << status;
  }
  metrics.step_seconds_predicted = 0;
  metrics.plan_revision = 0;
  for (int opened = 0; opened < 2; ++opened) {
    EXPECT_EQ(*Open()->ReadMetrics("kjv", 0, 100),
              std::vector<StepMetrics>{metrics});
  }
}

TEST_F(SqliteJournalTest, KeepsTheNewerMetricsOfAStepMadeTwice) {
  const std::unique_ptr<Journal> journal = Open();
  const StepMetrics first[] = {Metrics(1, 5.0), Metrics(2, 4.0),
                               Metrics(3, 3.0)};
  const StepMetrics again[] = {Metrics(2, 4.5), Metrics(3, 3.5)};
  ASSERT_TRUE(journal->WriteMetrics("kjv", first).ok());
  ASSERT_TRUE(journal->WriteMetrics("kjv", again).ok());
  ASSERT_TRUE(journal->WriteMetrics("other", first).ok());
  EXPECT_EQ(*journal->ReadMetrics("kjv", 0, 100),
            (std::vector<StepMetrics>{first[0], again[0], again[1]}));
  EXPECT_EQ(*journal->ReadMetrics("kjv", 1, 1),
            (std::vector<StepMetrics>{again[0]}));
}

TEST_F(SqliteJournalTest, KeepsTheNewestThousandLogLinesOfEachJob) {
  const std::unique_ptr<Journal> journal = Open();
  std::vector<LogLine> lines;
  for (int i = 0; i < kLogLinesKept + 5; ++i) {
    lines.push_back({.time = absl::FromUnixSeconds(i),
                     .source = "coordinator",
                     .level = "info",
                     .text = fmt::format("line {}", i)});
  }
  ASSERT_TRUE(journal->WriteLogs("other", std::span(lines).first(1)).ok());
  ASSERT_TRUE(journal->WriteLogs("kjv", std::span(lines).first(10)).ok());
  ASSERT_TRUE(journal->WriteLogs("kjv", std::span(lines).subspan(10)).ok());
  const std::vector<StoredLogLine> kept = *journal->ReadLogs("kjv", 0);
  ASSERT_EQ(kept.size(), kLogLinesKept);
  for (int i = 0; i < kLogLinesKept; ++i) {
    ASSERT_EQ(kept[i].line, lines[i + 5]);
  }
  const auto after = journal->ReadLogs("kjv", kept[997].sequence);
  ASSERT_EQ(after->size(), 2);
  EXPECT_EQ(after->front().line, lines[1003]);
  EXPECT_EQ(journal->ReadLogs("other", 0)->size(), 1);
}

}  // namespace
}  // namespace penstock
