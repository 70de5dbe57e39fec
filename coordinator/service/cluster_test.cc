// The cluster without gRPC: what it does when the journal fails, and what it
// knows after a restart.

#include "coordinator/service/cluster.h"

#include <stdlib.h>

#include <filesystem>
#include <thread>

#include "coordinator/service/plan_maker.h"
#include "coordinator/storage/journal_sqlite.h"
#include "gtest/gtest.h"
#include "proto/base/clock.h"

namespace penstock {
namespace {

// A journal that fails when the test says so.
class FragileJournal : public Journal {
 public:
  FragileJournal(std::unique_ptr<Journal> journal, const bool& full)
      : journal_(std::move(journal)), full_(full) {}

  absl::StatusOr<JournalContents> Read() override { return journal_->Read(); }
  absl::Status Commit(const JournalBatch& batch) override {
    if (full_) return absl::ResourceExhaustedError("disk is full");
    return journal_->Commit(batch);
  }
  absl::Status WriteMetrics(std::string_view job,
                            std::span<const StepMetrics> metrics) override {
    if (full_) return absl::ResourceExhaustedError("disk is full");
    return journal_->WriteMetrics(job, metrics);
  }
  absl::StatusOr<std::vector<StepMetrics>> ReadMetrics(
      std::string_view job, int64_t after_step, size_t count_max) override {
    return journal_->ReadMetrics(job, after_step, count_max);
  }
  absl::Status WriteLogs(std::string_view job,
                         std::span<const LogLine> lines) override {
    if (full_) return absl::ResourceExhaustedError("disk is full");
    return journal_->WriteLogs(job, lines);
  }
  absl::StatusOr<std::vector<StoredLogLine>> ReadLogs(
      std::string_view job, int64_t after_sequence) override {
    return journal_->ReadLogs(job, after_sequence);
  }

 private:
  const std::unique_ptr<Journal> journal_;
  const bool& full_;
};

class ClusterTest : public testing::Test {
 protected:
  ClusterTest() {
    std::string pattern = testing::TempDir() + "cluster_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    Open();
  }
  ~ClusterTest() override {
    cluster_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Open() {
    cluster_.reset();
    auto journal = OpenSqliteJournal({.path = directory_ + "/journal.db"});
    ASSERT_TRUE(journal.ok()) << journal.status();
    auto cluster = Cluster::Open(
        {.coordinator = {.version = "1"}, .now = [this] { return now_; }},
        MakePlanMaker(directory_),
        std::make_unique<FragileJournal>(*std::move(journal), full_));
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
  }

  static JobSpec SimJob(const std::string& name) {
    JobSpec spec = {.name = name};
    spec.model.architecture = SimModel{.layers = 4,
                                       .forward_us = 100,
                                       .input_gradient_us = 100,
                                       .weight_gradient_us = 100};
    spec.steps = 10;
    return spec;
  }

  // A worker of one device that does what it is told at once.
  absl::StatusOr<WorkerInstruction> Report() {
    ++report_.sequence;
    absl::StatusOr<WorkerInstruction> answer = cluster_->Synchronize(report_);
    if (answer.ok()) {
      report_.answered = answer->sequence;
      DeviceReport& device = report_.devices[0];
      device.assignment = answer->devices[0].assignment;
      device.state =
          device.assignment ? DeviceState::kRunning : DeviceState::kIdle;
      device.transport_address = "127.0.0.1:1";
    }
    return answer;
  }

  std::string directory_;
  bool full_ = false;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  WorkerReport report_ = {
      .incarnation = 1,
      .name = "w1",
      .version = "1",
      .devices = {{.shape = {.memory_bytes = int64_t{1} << 32,
                             .flops_per_second = 1e11}}}};
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(ClusterTest, TellsNothingThatIsNotJournalled) {
  ASSERT_TRUE(Report().ok());
  full_ = true;
  const absl::Status refused = cluster_->Submit("r", SimJob("sim")).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(std::string(refused.message()).find("disk is full"),
            std::string::npos);
  EXPECT_EQ(cluster_->Get("sim").status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(Report().status().code(), absl::StatusCode::kUnavailable);
  // As if the process ended here: the job was never there.
  full_ = false;
  Open();
  EXPECT_EQ(cluster_->Get("sim").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ClusterTest, GoesOnOnceTheJournalCanBeWritten) {
  ASSERT_TRUE(Report().ok());
  full_ = true;
  ASSERT_FALSE(cluster_->Submit("r", SimJob("sim")).ok());
  full_ = false;
  const absl::StatusOr<JobView> job = cluster_->Submit("r", SimJob("sim"));
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(cluster_->List()->size(), 1);
  Open();
  EXPECT_TRUE(cluster_->Get("sim").ok());
}

TEST_F(ClusterTest, KnowsJobsEpochsAndRequestsAfterARestart) {
  ASSERT_TRUE(Report().ok());
  ASSERT_TRUE(cluster_->Submit("r", SimJob("sim")).ok());
  ASSERT_TRUE(Report().ok());
  ASSERT_TRUE(Report().ok());
  const JobView before = *cluster_->Get("sim");
  ASSERT_GT(before.record.epoch, 0);
  Open();
  const JobView after = *cluster_->Get("sim");
  EXPECT_EQ(after.record.epoch, before.record.epoch);
  EXPECT_EQ(after.record.state, before.record.state);
  EXPECT_EQ(after.record.places, before.record.places);
  EXPECT_TRUE(cluster_->FindSubmission("r", "sim").has_value());
  EXPECT_FALSE(cluster_->FindSubmission("other", "sim").has_value());
}

// A watcher may have seen revisions of progress that were never journalled.
TEST_F(ClusterTest, NeverGivesARevisionTwice) {
  ASSERT_TRUE(Report().ok());
  ASSERT_TRUE(cluster_->Submit("r", SimJob("sim")).ok());
  ASSERT_TRUE(Report().ok());
  for (int step = 1; step < 20; ++step) {
    report_.devices[0].progress.step = step;
    ASSERT_TRUE(Report().ok());
  }
  const uint64_t seen = cluster_->Get("sim")->record.revision;
  Open();
  EXPECT_GT(cluster_->Get("sim")->record.revision, seen);
}

TEST_F(ClusterTest, RemembersThatAWorkerDrains) {
  ASSERT_TRUE(Report().ok());
  ASSERT_TRUE(cluster_->Drain("w1", /*undo=*/false).ok());
  Open();
  ASSERT_TRUE(Report().ok());
  const std::vector<WorkerView> workers = *cluster_->Workers();
  ASSERT_EQ(workers.size(), 1);
  EXPECT_TRUE(workers[0].worker.draining);
}

TEST_F(ClusterTest, WaitsForAChangeOrTheDeadline) {
  ASSERT_TRUE(Report().ok());
  const JobView job = *cluster_->Submit("r", SimJob("sim"));
  const uint64_t revision = cluster_->Get("sim")->record.revision;
  EXPECT_FALSE(cluster_->WaitForJob("sim", revision, SteadyNow())->has_value());
  std::thread canceller(
      [&] { EXPECT_TRUE(cluster_->Cancel("c", "sim").ok()); });
  const absl::StatusOr<std::optional<JobView>> changed =
      cluster_->WaitForJob("sim", revision, SteadyNow() + absl::Seconds(20));
  canceller.join();
  ASSERT_TRUE(changed.ok() && changed->has_value());
  EXPECT_EQ((*changed)->record.state, JobState::kCancelled);
}

TEST_F(ClusterTest, EndsWaitsWhenItStops) {
  ASSERT_TRUE(Report().ok());
  ASSERT_TRUE(cluster_->Submit("r", SimJob("sim")).ok());
  std::thread stopper([&] { cluster_->Stop(); });
  const absl::Status status =
      cluster_->WaitForJob("sim", ~uint64_t{0}, SteadyNow() + absl::Seconds(20))
          .status();
  stopper.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Report().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ClusterTest, ANewClusterDoesNotRefuseForWantOfWorkersThatMayYetCome) {
  EXPECT_EQ(cluster_->Submit("r", SimJob("sim")).status().code(),
            absl::StatusCode::kUnavailable);
  now_ += absl::Minutes(1);
  EXPECT_EQ(cluster_->Submit("r", SimJob("sim")).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(ClusterTest, LosesAWorkerWhoseLeaseEnds) {
  ASSERT_TRUE(Report().ok());
  EXPECT_TRUE(cluster_->Workers()->at(0).worker.connected);
  now_ += absl::Minutes(1);
  cluster_->Tick();
  EXPECT_FALSE(cluster_->Workers()->at(0).worker.connected);
}

}  // namespace
}  // namespace penstock
