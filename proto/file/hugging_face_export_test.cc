#include "proto/file/hugging_face_export.h"

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/file.h"
#include "proto/file/checkpoint_fixture.h"
#include "proto/file/faulty_disk.h"
#include "proto/file/hugging_face.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

class HuggingFaceExportTest : public testing::Test {
 protected:
  void SetUp() override {
    base_ = fs::path(testing::TempDir() + "/export").lexically_normal();
    fs::remove_all(base_);
    checkpoint_ = WriteTestCheckpoint(base_, 1, model_, parameters_, 3);
  }

  const Gpt2Config model_ = TestModel(/*tied=*/true);
  const std::vector<TestParameter> parameters_ = TestParameters(model_, 1);
  std::string base_;
  std::string checkpoint_;
};

TEST_F(HuggingFaceExportTest, WritesTheSameWeights) {
  ASSERT_TRUE(ExportHuggingFace(checkpoint_, base_ + "/hf/", RealDisk()).ok());
  const auto model = HuggingFaceModel::Open(base_ + "/hf");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->config(), Architecture(model_));
  for (const TestParameter& test : parameters_) {
    const auto bytes = model->Find(test.parameter.name).bytes;
    ASSERT_EQ(bytes.size(), 4 * test.weight.size());
    EXPECT_EQ(std::memcmp(bytes.data(), test.weight.data(), bytes.size()), 0);
  }
}

// What was imported and trained on goes back to where it came from, to the bit.
TEST_F(HuggingFaceExportTest, WritesALlamaThatReadsBack) {
  for (const bool tied : {false, true}) {
    const LlamaConfig llama = TestLlama(tied);
    const auto parameters = TestParameters(llama, 2);
    const std::string checkpoint =
        WriteTestCheckpoint(base_, tied ? 3 : 2, llama, parameters, 2);
    const std::string directory = base_ + (tied ? "/tied" : "/untied");
    ASSERT_TRUE(ExportHuggingFace(checkpoint, directory, RealDisk()).ok());
    const auto model = HuggingFaceModel::Open(directory);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->config(), Architecture(llama));
    for (const TestParameter& test : parameters) {
      const auto bytes = model->Find(test.parameter.name).bytes;
      ASSERT_EQ(bytes.size(), 4 * test.weight.size());
      EXPECT_EQ(std::memcmp(bytes.data(), test.weight.data(), bytes.size()), 0);
    }
  }
}

TEST_F(HuggingFaceExportTest, NeverOverwrites) {
  fs::create_directories(base_ + "/hf");
  EXPECT_EQ(ExportHuggingFace(checkpoint_, base_ + "/hf", RealDisk()),
            absl::AlreadyExistsError(base_ + "/hf exists; name a directory to "
                                             "be created"));
}

TEST_F(HuggingFaceExportTest, LeavesNothingOnAFullDisk) {
  bool finished = false;
  for (int operation = 0; !finished; ++operation) {
    SCOPED_TRACE(operation);
    FaultyDisk disk(FaultyDisk::Fault::kFull, operation);
    const absl::Status status =
        ExportHuggingFace(checkpoint_, base_ + "/hf", disk);
    finished = status.ok();
    if (finished) continue;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(std::distance(fs::directory_iterator(base_), {}), 1);
  }
}

}  // namespace
}  // namespace penstock
