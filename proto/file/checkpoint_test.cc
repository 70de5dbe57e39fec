// Whole checkpoints, and each damage that a disk or a person does to them.

#include "proto/file/checkpoint.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/file.h"
#include "proto/file/checkpoint_fixture.h"
#include "proto/file/safetensors.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/checkpoints";
    fs::remove_all(directory_);
  }

  std::string Write(int64_t step, int ranks = 2) {
    return WriteTestCheckpoint(directory_, step, model_,
                               TestParameters(model_, 1), ranks);
  }

  void FlipBit(const std::string& file) {
    std::string content = ReadFile(file).value();
    content.back() = static_cast<char>(content.back() ^ 1);
    ASSERT_TRUE(WriteFileAtomically(file, content).ok());
  }

  std::string directory_;
  const Gpt2Config model_ = TestModel(/*tied=*/false);
};

TEST_F(CheckpointTest, AcceptsAWholeOne) {
  for (const bool tied : {false, true}) {
    for (int ranks = 1; ranks <= 4; ++ranks) {
      const Gpt2Config model = TestModel(tied);
      const std::string path = WriteTestCheckpoint(
          directory_, 100 + ranks, model, TestParameters(model, 1), ranks);
      const auto manifest = VerifyCheckpoint(path);
      ASSERT_TRUE(manifest.ok()) << manifest.status();
      EXPECT_EQ(manifest->model, Architecture(model));
      EXPECT_EQ(manifest->step, 100 + ranks);
    }
    fs::remove_all(directory_);
  }
}

TEST_F(CheckpointTest, NamesTheShardThatIsDamaged) {
  const std::string path = Write(1);
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    const std::string file = entry.path().string();
    if (!file.ends_with(".safetensors")) continue;
    SCOPED_TRACE(file);
    const std::string whole = ReadFile(file).value();

    FlipBit(file);
    absl::Status status = VerifyCheckpoint(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(std::string(status.message())
                    .starts_with(file + " is damaged: its checksum is "))
        << status;

    ASSERT_TRUE(
        WriteFileAtomically(file, whole.substr(0, whole.size() - 4)).ok());
    status = VerifyCheckpoint(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(std::string(status.message()).starts_with(file)) << status;

    fs::remove(file);
    EXPECT_EQ(VerifyCheckpoint(path).status(),
              absl::NotFoundError(file + ": No such file or directory"));
    ASSERT_TRUE(WriteFileAtomically(file, whole).ok());
    ASSERT_TRUE(VerifyCheckpoint(path).ok());
  }
}

TEST_F(CheckpointTest, NamesAShardOfAnotherCheckpoint) {
  const std::string path = Write(1);
  const std::string other =
      WriteTestCheckpoint(directory_, 2, model_, TestParameters(model_, 2), 2);
  const std::string name = "/" + ModelShardName(1, 2);
  fs::copy_file(other + name, path + name,
                fs::copy_options::overwrite_existing);
  const absl::Status status = VerifyCheckpoint(path).status();
  EXPECT_TRUE(std::string(status.message())
                  .starts_with(path + name + " is damaged: its checksum is "))
      << status;
}

TEST_F(CheckpointTest, NamesShardsThatWereSwapped) {
  const std::string path = Write(1);
  const std::string a = path + "/" + ModelShardName(0, 2);
  const std::string b = path + "/" + OptimizerShardName(0, 2);
  fs::rename(a, path + "/x");
  fs::rename(b, a);
  fs::rename(path + "/x", b);
  const absl::Status status = VerifyCheckpoint(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(std::string(status.message()).starts_with(a)) << status;
}

TEST_F(CheckpointTest, NamesTheTensorThatIsMissing) {
  auto parameters = TestParameters(model_, 1);
  parameters.pop_back();
  const std::string path =
      WriteTestCheckpoint(directory_, 1, model_, parameters, 2);
  EXPECT_EQ(VerifyCheckpoint(path).status(),
            absl::NotFoundError(
                path + "/manifest.json lists no tensor \"lm_head.weight\""));
}

TEST_F(CheckpointTest, NamesATensorOfAnotherModel) {
  const std::string path = Write(1, 1);
  Manifest manifest = ReadManifest(path).value();
  std::get<Gpt2Config>(manifest.model).vocabulary = 17;
  ASSERT_TRUE(
      WriteFileAtomically(path + "/manifest.json", ManifestToJson(manifest))
          .ok());
  EXPECT_EQ(VerifyCheckpoint(path).status(),
            absl::InvalidArgumentError(
                path + "/" + ModelShardName(0, 1) +
                ": tensor \"transformer.wte.weight\" has the shape [16, 8], "
                "expected [17, 8]"));
  std::get<Gpt2Config>(manifest.model).vocabulary = 16;
  std::get<Gpt2Config>(manifest.model).tied_embeddings = true;
  ASSERT_TRUE(
      WriteFileAtomically(path + "/manifest.json", ManifestToJson(manifest))
          .ok());
  EXPECT_EQ(VerifyCheckpoint(path).status(),
            absl::InvalidArgumentError(
                path + "/manifest.json: 87 tensors, the model has 84"));
  std::get<Gpt2Config>(manifest.model).layers = 1 << 24;
  ASSERT_TRUE(
      WriteFileAtomically(path + "/manifest.json", ManifestToJson(manifest))
          .ok());
  EXPECT_EQ(VerifyCheckpoint(path).status(),
            absl::InvalidArgumentError(
                path + "/manifest.json: 87 tensors are too few for 16777216 "
                       "layers"));
}

TEST_F(CheckpointTest, ListsCompleteOnesByStep) {
  EXPECT_TRUE(ListCheckpoints(directory_)->empty());
  const std::string ten = Write(10);
  const std::string nine = Write(9);
  fs::remove(Write(11) + "/manifest.json");
  fs::remove(Write(12) + "/" + ModelShardName(0, 2));
  fs::rename(Write(13), directory_ + "/step-13");
  fs::create_directories(TemporaryCheckpointPath(directory_, 1, 14));
  const auto list = ListCheckpoints(directory_);
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->size(), 2);
  EXPECT_EQ(list->front().path, nine);
  EXPECT_EQ(list->back().path, ten);
  EXPECT_EQ(list->back().step, 10);
  uint64_t bytes = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(ten)) {
    if (entry.path().extension() == ".safetensors") bytes += entry.file_size();
  }
  EXPECT_EQ(list->back().bytes, bytes);
}

TEST_F(CheckpointTest, FallsBackFromADamagedOneToTheOneBefore) {
  const std::string good = Write(1);
  const std::string flipped = Write(2) + "/" + OptimizerShardName(1, 2);
  FlipBit(flipped);
  fs::remove(Write(3) + "/manifest.json");
  const auto newest = NewestGoodCheckpoint(directory_);
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_EQ(newest->entry.path, good);
  ASSERT_EQ(newest->damages.size(), 2);
  EXPECT_TRUE(newest->damages[0].starts_with(directory_ + "/step-00000003/"));
  EXPECT_TRUE(newest->damages[1].starts_with(flipped));
  fs::remove_all(good);
  EXPECT_EQ(NewestGoodCheckpoint(directory_).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(CheckpointTest, PrunesTheOldestAndNeverTheNewestComplete) {
  Write(1);
  Write(2);
  const std::string newest = Write(3);
  fs::remove(Write(4) + "/manifest.json");
  const auto removed = PruneCheckpoints(directory_, 1, RealDisk());
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed,
            (std::vector<std::string>{directory_ + "/step-00000001",
                                      directory_ + "/step-00000002"}));
  EXPECT_FALSE(fs::exists(directory_ + "/step-00000001"));
  EXPECT_TRUE(VerifyCheckpoint(newest).ok());
  EXPECT_TRUE(fs::exists(directory_ + "/step-00000004"));
  EXPECT_TRUE(PruneCheckpoints(directory_, 1, RealDisk())->empty());
}

}  // namespace
}  // namespace penstock
