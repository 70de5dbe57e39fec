#include "worker/runtime/checkpointer.h"

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "proto/base/mutex.h"
#include "proto/file/checkpoint_metrics.h"

namespace penstock {
namespace {

// The machine's disk, on which nothing is created while it is closed.
class GatedDisk final : public Disk {
 public:
  void Open(bool open) {
    MutexLock lock(mutex_);
    open_ = open;
    changed_.NotifyAll();
  }

  absl::StatusOr<FileDescriptor> Create(const std::string& path) override {
    MutexLock lock(mutex_);
    while (!open_) changed_.WaitUntil(mutex_, absl::InfiniteFuture());
    return RealDisk().Create(path);
  }
  absl::Status Write(const FileDescriptor& file,
                     std::span<const std::byte> bytes,
                     const std::string& path) override {
    return RealDisk().Write(file, bytes, path);
  }
  absl::Status Sync(const FileDescriptor& file,
                    const std::string& path) override {
    return RealDisk().Sync(file, path);
  }
  absl::Status SyncDirectory(const std::string& path) override {
    return RealDisk().SyncDirectory(path);
  }
  absl::Status MakeDirectory(const std::string& path) override {
    return RealDisk().MakeDirectory(path);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return RealDisk().Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override {
    return RealDisk().Remove(path);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = true;
};

class CheckpointerTest : public testing::Test {
 protected:
  CheckpointerTest() : backend_(MakeCpuBackend()) {
    directory_ = testing::TempDir() + fmt::format("/saves-{}", ::getpid());
    const Gpt2Config config{.layers = 1,
                            .hidden = 8,
                            .heads = 1,
                            .sequence_length = 4,
                            .vocabulary = 5};
    plan_.spec.name = "gpt2";
    plan_.spec.model.architecture = config;
    plan_.stages = {{.unit_end = UnitCount(config)}};
    plan_.ranks.push_back({.buffers = {{.stage = 0}}});
    plan_.checkpoint_directory = directory_;
    absl::StatusOr<RankMemory> memory = PlanRankMemory(*backend_, plan_, 0);
    EXPECT_TRUE(memory.ok()) << memory.status();
    memory_ = *std::move(memory);
    checkpointer_.emplace(plan_, Assignment{.epoch = 1}, memory_, *backend_,
                          disk_);
    collector_.emplace(plan_, 1, DataCursor{}, metrics_, disk_);
  }
  ~CheckpointerTest() override {
    disk_.Open(true);
    checkpointer_.reset();
    collector_.reset();
    std::filesystem::remove_all(directory_);
  }

  static absl::Time Soon() { return SteadyNow() + absl::Seconds(30); }

  ShardReport WriteShard(int64_t step) {
    EXPECT_TRUE(checkpointer_->Snapshot(step, Soon()).ok());
    const auto report = checkpointer_->Wait(Soon());
    EXPECT_TRUE(report.ok() && report->has_value()) << report.status();
    return report.ok() && report->has_value() ? **report : ShardReport{};
  }

  std::string directory_;
  const std::unique_ptr<Backend> backend_;
  Plan plan_;
  RankMemory memory_;
  RecentMetrics metrics_{2};
  GatedDisk disk_;
  std::optional<Checkpointer> checkpointer_;
  std::optional<CheckpointCollector> collector_;
};

TEST_F(CheckpointerTest, AWriteThatHangsIsNotTakenForNone) {
  const auto none = checkpointer_->Wait(Soon());
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  disk_.Open(false);
  ASSERT_TRUE(checkpointer_->Snapshot(1, Soon()).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      checkpointer_->Wait(absl::InfinitePast()).status()));
  disk_.Open(true);
  const auto report = checkpointer_->Wait(Soon());
  ASSERT_TRUE(report.ok());
  ASSERT_TRUE(report->has_value());
  EXPECT_EQ((*report)->step, 1);
}

TEST_F(CheckpointerTest, CommitsBehindTheCaller) {
  const ShardReport report = WriteShard(1);
  disk_.Open(false);
  ASSERT_TRUE(collector_->Add(report, Soon()).ok());
  EXPECT_TRUE(collector_->Poll().empty());
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      collector_->Wait(absl::InfinitePast()).status()));
  disk_.Open(true);
  const auto results = collector_->Wait(Soon());
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 1);
  EXPECT_EQ((*results)[0].step, 1);
  ASSERT_TRUE((*results)[0].path.ok()) << (*results)[0].path.status();
  EXPECT_TRUE(std::filesystem::exists(*(*results)[0].path));
  EXPECT_TRUE(collector_->Poll().empty());
}

TEST_F(CheckpointerTest, ACheckpointHasTheMetricsOfItsLastSteps) {
  const ShardReport report = WriteShard(2);
  for (int64_t step = 1; step <= 3; ++step) metrics_.Add({.step = step});
  ASSERT_TRUE(collector_->Add(report, Soon()).ok());
  metrics_.Add({.step = 4});
  const auto results = collector_->Wait(Soon());
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_TRUE((*results)[0].path.ok()) << (*results)[0].path.status();
  EXPECT_EQ(*ReadCheckpointMetrics(*(*results)[0].path),
            std::vector<StepMetrics>{{.step = 2}});
}

TEST_F(CheckpointerTest, BoundsTheCheckpointsThatWaitForTheirCommit) {
  ShardReport report = WriteShard(1);
  disk_.Open(false);
  // One that is committed, or about to be, and as many as may wait.
  ASSERT_TRUE(collector_->Add(report, Soon()).ok());
  absl::Status status;
  for (size_t i = 0; i <= CheckpointCollector::kQueueMax && status.ok(); ++i) {
    ++report.step;
    status = collector_->Add(report, absl::InfinitePast());
  }
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  disk_.Open(true);
  const auto results = collector_->Wait(Soon());
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_GE(results->size(), 2);
  EXPECT_TRUE((*results)[0].path.ok());
  // Nobody wrote that one's shards.
  EXPECT_FALSE((*results)[1].path.ok());
}

}  // namespace
}  // namespace penstock
