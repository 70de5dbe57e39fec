// The path from ranks' memory to a checkpoint that counts, stopped at every
// operation of the disk.

#include "worker/checkpoint/commit.h"

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "proto/file/checkpoint.h"
#include "proto/file/checkpoint_fixture.h"
#include "proto/file/checkpoint_metrics.h"
#include "proto/file/faulty_disk.h"
#include "worker/checkpoint/shard_writer.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

constexpr int kRanks = 2;

class CommitTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/commit";
    fs::remove_all(directory_);
  }

  // Has all ranks write their part of `step`.
  std::vector<ShardReport> WriteShards(uint64_t epoch, int64_t step,
                                       Disk& disk) {
    std::vector<ShardReport> reports;
    const size_t count = parameters_.size();
    for (int rank = 0; rank < kRanks; ++rank) {
      std::vector<SnapshotTensor> tensors;
      for (size_t i = count * rank / kRanks; i < count * (rank + 1) / kRanks;
           ++i) {
        const TestParameter& test = parameters_[i];
        tensors.push_back({test.parameter.name, test.parameter.shape,
                           test.weight, test.exp_avg, test.exp_avg_sq});
      }
      ShardWriter writer({.directory = directory_,
                          .epoch = epoch,
                          .rank = rank,
                          .ranks = kRanks},
                         disk);
      EXPECT_TRUE(writer.Begin(step, tensors).ok());
      reports.push_back(*writer.Wait(SteadyNow() + absl::Seconds(60)));
    }
    return reports;
  }

  Manifest ManifestOf(uint64_t epoch, int64_t step) {
    return {.job = "test", .epoch = epoch, .step = step, .model = model_};
  }

  absl::StatusOr<std::string> Checkpoint(uint64_t epoch, int64_t step,
                                         Disk& disk) {
    const auto reports = WriteShards(epoch, step, disk);
    return CommitCheckpoint(directory_, ManifestOf(epoch, step), reports,
                            metrics_, disk);
  }

  int CountEntries() {
    return static_cast<int>(
        std::distance(fs::directory_iterator(directory_), {}));
  }

  std::string directory_;
  const std::vector<StepMetrics> metrics_ = {{.step = 49, .loss = 2.5}};
  const Gpt2Config model_ = TestModel(/*tied=*/false);
  const std::vector<TestParameter> parameters_ = TestParameters(model_, 1);
};

TEST_F(CommitTest, MakesACheckpointThatVerifies) {
  const auto path = Checkpoint(1, 50, RealDisk());
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*path, directory_ + "/step-00000050");
  const auto manifest = VerifyCheckpoint(*path);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->shards.size(), 2 * kRanks);
  EXPECT_EQ(*ReadCheckpointMetrics(*path), metrics_);
  EXPECT_EQ(CountEntries(), 1);
}

// The heart of the promise: old, then new, wherever the power fails, whether or
// not the file system kept what was not synced. `step` is the new checkpoint's;
// the old one's is 1.
void ExpectOldOrNew(const std::string& directory, int64_t step) {
  const auto newest = NewestGoodCheckpoint(directory);
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_TRUE(newest->damages.empty()) << newest->damages.front();
  EXPECT_TRUE(newest->entry.step == 1 || newest->entry.step == step);
}

class CrashTest : public CommitTest,
                  public testing::WithParamInterface<std::tuple<int, bool>> {
 protected:
  // Never fails, and does not wait for the machine's disk either.
  FaultyDisk calm_{FaultyDisk::Fault::kCrash, std::numeric_limits<int>::max()};
};

TEST_P(CrashTest, LeavesOldOrNewAtEveryOperation) {
  const auto [step, lose_unsynced] = GetParam();
  bool finished = false;
  for (int operation = 0; !finished; ++operation) {
    SCOPED_TRACE(operation);
    fs::remove_all(directory_);
    ASSERT_TRUE(Checkpoint(1, 1, calm_).ok());
    FaultyDisk disk(FaultyDisk::Fault::kCrash, operation);
    bool committed = Checkpoint(2, step, disk).ok();
    const bool pruned = committed && PruneCheckpoints(directory_, 1, disk).ok();
    finished = pruned && !disk.struck();
    if (lose_unsynced) disk.LoseUnsynced();
    ExpectOldOrNew(directory_, step);
    if (committed) {
      EXPECT_EQ(NewestGoodCheckpoint(directory_)->entry.step, step);
      EXPECT_EQ(ReadManifest(directory_ + "/" + CheckpointName(step))->epoch,
                2);
    }
    // The next plan clears up and goes on.
    ASSERT_TRUE(RemoveStaleTemporaries(directory_, 3, calm_).ok());
    ASSERT_TRUE(Checkpoint(3, 9, calm_).ok());
    ASSERT_TRUE(PruneCheckpoints(directory_, 1, calm_).ok());
    EXPECT_EQ(CountEntries(), 1);
  }
}

INSTANTIATE_TEST_SUITE_P(
    NextAndSameStep, CrashTest,
    testing::Combine(testing::Values(2, 1), testing::Bool()),
    [](const testing::TestParamInfo<CrashTest::ParamType>& info) {
      return std::string(std::get<0>(info.param) == 1 ? "Same" : "Next") +
             (std::get<1>(info.param) ? "Lost" : "Kept");
    });

TEST_F(CommitTest, KeepsTheOldOneOnAFullDisk) {
  ASSERT_TRUE(Checkpoint(1, 1, RealDisk()).ok());
  bool finished = false;
  for (int operation = 0; !finished; ++operation) {
    SCOPED_TRACE(operation);
    FaultyDisk disk(FaultyDisk::Fault::kFull, operation);
    const auto path = Checkpoint(2, 2, disk);
    finished = path.ok();
    if (finished) continue;
    EXPECT_EQ(path.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(std::string(path.status().message())
                    .starts_with("checkpoint of step 2 dropped: "))
        << path.status();
    EXPECT_EQ(CountEntries(), 1);
    EXPECT_TRUE(VerifyCheckpoint(directory_ + "/step-00000001").ok());
  }
}

TEST_F(CommitTest, RefusesReportsThatAreNotOneOfEachRank) {
  const auto refuse = [&](std::vector<ShardReport> reports) {
    const auto path = CommitCheckpoint(directory_, ManifestOf(1, 5), reports,
                                       metrics_, RealDisk());
    EXPECT_EQ(path.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(CountEntries(), 0);
    return std::string(path.status().message());
  };
  auto reports = WriteShards(1, 5, RealDisk());
  EXPECT_EQ(refuse({reports[0], reports[0]}),
            "checkpoint of step 5 dropped: 2 reports are not one per rank");
  reports = WriteShards(1, 5, RealDisk());
  EXPECT_EQ(refuse({reports[1]}),
            "checkpoint of step 5 dropped: 1 reports are not one per rank");
  reports = WriteShards(1, 5, RealDisk());
  reports[1].epoch = 2;
  EXPECT_EQ(refuse(reports),
            "checkpoint of step 5 dropped: rank 1 reports a checkpoint of "
            "epoch 2, step 5; expected 1, 5");
}

TEST_F(CommitTest, NamesTheRankThatFailedAndTheTensorThatIsMissing) {
  auto reports = WriteShards(1, 5, RealDisk());
  reports[1].status = absl::ResourceExhaustedError("/x: no space");
  EXPECT_EQ(CommitCheckpoint(directory_, ManifestOf(1, 5), reports, metrics_,
                             RealDisk())
                .status(),
            absl::ResourceExhaustedError(
                "checkpoint of step 5 dropped: rank 1: /x: no space"));
  reports = WriteShards(1, 5, RealDisk());
  EXPECT_EQ(
      CommitCheckpoint(directory_, ManifestOf(1, 5), {reports[0]}, metrics_,
                       RealDisk())
          .status(),
      absl::InvalidArgumentError("checkpoint of step 5 dropped: no rank wrote "
                                 "tensor lm_head.weight"));
  EXPECT_EQ(CountEntries(), 0);
}

TEST_F(CommitTest, RemovesOnlyWhatIsStale) {
  for (const char* name :
       {".step-00000001.epoch-1.tmp", ".step-00000001.epoch-2.tmp",
        ".step-00000001.epoch-10.tmp", ".step-00000003.deleted", ".other",
        "step-00000004"}) {
    fs::create_directories(directory_ + "/" + name);
  }
  ASSERT_TRUE(RemoveStaleTemporaries(directory_, 2, RealDisk()).ok());
  EXPECT_EQ(CountEntries(), 4);
  EXPECT_TRUE(fs::exists(TemporaryCheckpointPath(directory_, 2, 1)));
  EXPECT_TRUE(fs::exists(TemporaryCheckpointPath(directory_, 10, 1)));
  EXPECT_TRUE(RemoveStaleTemporaries("/nowhere", 2, RealDisk()).ok());
}

}  // namespace
}  // namespace penstock
