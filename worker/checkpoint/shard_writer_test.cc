#include "worker/checkpoint/shard_writer.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "proto/base/file.h"
#include "proto/file/checksum.h"
#include "proto/file/faulty_disk.h"
#include "proto/file/manifest.h"
#include "proto/file/safetensors.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

class ShardWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/shards";
    fs::remove_all(directory_);
  }

  ShardWriter::Options Options() {
    return {.directory = directory_, .epoch = 7, .rank = 1, .ranks = 3};
  }

  std::vector<SnapshotTensor> Snapshot() {
    return {{"a", {2, 2}, values_, values_, values_},
            {"b", {1}, {&values_[1], 1}, {&values_[2], 1}, {&values_[3], 1}}};
  }

  static absl::Time Soon() { return SteadyNow() + absl::Seconds(60); }

  const std::vector<float> values_{1, 2, 3, 4};
  std::string directory_;
};

TEST_F(ShardWriterTest, WritesWeightsAndMomentsAndReportsThem) {
  ShardWriter writer(Options(), RealDisk());
  EXPECT_FALSE(writer.busy());
  ASSERT_TRUE(writer.Begin(50, Snapshot()).ok());
  const auto report = writer.Wait(Soon());
  ASSERT_TRUE(report.has_value());
  ASSERT_TRUE(report->status.ok()) << report->status;
  EXPECT_EQ(report->epoch, 7);
  EXPECT_EQ(report->step, 50);
  EXPECT_EQ(report->rank, 1);
  ASSERT_EQ(report->files.size(), 2);
  const std::string path = TemporaryCheckpointPath(directory_, 7, 50) + "/";
  for (const ShardFile& shard : report->files) {
    const auto file = SafetensorsFile::Open(path + shard.file);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->bytes().size(), shard.size);
    EXPECT_EQ(ChecksumOf(file->bytes()), shard.xxh3);
  }
  const auto model = SafetensorsFile::Open(path + ModelShardName(1, 3));
  EXPECT_EQ(model->index().size(), 2);
  EXPECT_TRUE(model->Float32("a", {2, 2}).ok());
  const auto optimizer = SafetensorsFile::Open(path + OptimizerShardName(1, 3));
  EXPECT_EQ(optimizer->index().size(), 4);
  EXPECT_TRUE(optimizer->Float32("b.exp_avg", {1}).ok());
  EXPECT_TRUE(optimizer->Float32("b.exp_avg_sq", {1}).ok());
}

TEST_F(ShardWriterTest, DoesOneWriteAtATime) {
  ShardWriter writer(Options(), RealDisk());
  EXPECT_FALSE(writer.Poll().has_value());
  ASSERT_TRUE(writer.Begin(1, Snapshot()).ok());
  EXPECT_EQ(writer.Begin(2, Snapshot()).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(writer.busy());
  EXPECT_EQ(writer.Wait(Soon())->step, 1);
  EXPECT_FALSE(writer.busy());
  EXPECT_FALSE(writer.Wait(Soon()).has_value());
  ASSERT_TRUE(writer.Begin(2, Snapshot()).ok());
  EXPECT_EQ(writer.Wait(Soon())->step, 2);
}

TEST_F(ShardWriterTest, FinishesAWriteThatNobodyWaitsFor) {
  {
    ShardWriter writer(Options(), RealDisk());
    ASSERT_TRUE(writer.Begin(1, Snapshot()).ok());
  }
  EXPECT_TRUE(SafetensorsFile::Open(TemporaryCheckpointPath(directory_, 7, 1) +
                                    "/" + OptimizerShardName(1, 3))
                  .ok());
}

// Wherever the disk becomes full, the files are gone, the reason is told, and
// the next checkpoint can be written when there is space again.
TEST_F(ShardWriterTest, SurvivesAFullDisk) {
  bool finished = false;
  for (int operation = 0; !finished; ++operation) {
    SCOPED_TRACE(operation);
    fs::remove_all(directory_);
    FaultyDisk disk(FaultyDisk::Fault::kFull, operation);
    ShardWriter writer(Options(), disk);
    ASSERT_TRUE(writer.Begin(1, Snapshot()).ok());
    const auto report = writer.Wait(Soon());
    ASSERT_TRUE(report.has_value());
    finished = report->status.ok();
    if (finished) continue;
    EXPECT_EQ(report->status, absl::ResourceExhaustedError(
                                  "faulty disk: No space left on device"));
    EXPECT_TRUE(report->files.empty());
    const std::string path = TemporaryCheckpointPath(directory_, 7, 1);
    EXPECT_TRUE(!fs::exists(path) || fs::is_empty(path));
    EXPECT_FALSE(writer.busy());
  }
}

}  // namespace
}  // namespace penstock
