#include "coordinator/service/observations.h"

#include <stdlib.h>

#include <filesystem>

#include "coordinator/storage/journal_sqlite.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

class ObservationsTest : public testing::Test {
 protected:
  ObservationsTest() {
    std::string pattern = testing::TempDir() + "observations_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    journal_ = *OpenSqliteJournal({.path = directory_ + "/journal.db"});
    observations_ = std::make_unique<Observations>(*journal_);
  }
  ~ObservationsTest() override { std::filesystem::remove_all(directory_); }

  static DeviceReport WithMetrics(int64_t first, int64_t last, double loss) {
    DeviceReport report;
    for (int64_t step = first; step <= last; ++step) {
      report.metrics.push_back({.step = step, .loss = loss});
    }
    return report;
  }

  std::string directory_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Observations> observations_;
};

constexpr char kJob[] = "kjv";

TEST_F(ObservationsTest, AcknowledgesWhatIsKeptOfThePlanInForce) {
  const Assignment first = {.job = kJob, .epoch = 1};
  const Assignment second = {.job = kJob, .epoch = 2};
  EXPECT_EQ(observations_->AcknowledgedStep(first), 0);
  ASSERT_TRUE(observations_->Add(first, WithMetrics(1, 80, 5.0)).ok());
  EXPECT_EQ(observations_->AcknowledgedStep(first), 80);
  // The next plan starts from a checkpoint at step 50 and makes steps again.
  EXPECT_EQ(observations_->AcknowledgedStep(second), 0);
  ASSERT_TRUE(observations_->Add(second, WithMetrics(51, 60, 4.0)).ok());
  EXPECT_EQ(observations_->AcknowledgedStep(second), 60);
  const std::vector<StepMetrics> metrics = *observations_->Metrics(kJob, 49);
  ASSERT_EQ(metrics.size(), 31);
  EXPECT_EQ(metrics[0].loss, 5.0);
  EXPECT_EQ(metrics[1].loss, 4.0);
}

TEST_F(ObservationsTest, KeepsTracesOfTheNewestStepsInOrder) {
  const Assignment assignment = {.job = kJob, .epoch = 1};
  for (int step = 1; step <= 20; ++step) {
    for (const int rank : {1, 0}) {
      DeviceReport report;
      report.traces.push_back({.step = step, .rank = rank});
      ASSERT_TRUE(observations_->Add(assignment, report).ok());
    }
  }
  const std::vector<StepTrace> all = observations_->Traces(kJob, 0);
  ASSERT_EQ(all.size(), 2 * Observations::kTraceStepsKept);
  EXPECT_EQ(all.front().step, 5);
  EXPECT_EQ(all.front().rank, 0);
  EXPECT_EQ(all.back().step, 20);
  EXPECT_EQ(observations_->Traces(kJob, 3).size(), 6);
  EXPECT_TRUE(observations_->Traces("other", 0).empty());
}

TEST_F(ObservationsTest, CutsLongLogLines) {
  DeviceReport report;
  report.logs.push_back({.level = "info", .text = std::string(1 << 20, 'x')});
  ASSERT_TRUE(observations_->Add({.job = kJob, .epoch = 1}, report).ok());
  const std::vector<StoredLogLine> lines = *observations_->Logs(kJob, 0);
  ASSERT_EQ(lines.size(), 1);
  EXPECT_EQ(lines[0].line.text.size(), Observations::kLogTextMax);
}

}  // namespace
}  // namespace penstock
