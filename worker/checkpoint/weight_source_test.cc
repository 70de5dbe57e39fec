#include "worker/checkpoint/weight_source.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/file.h"
#include "proto/file/checkpoint_fixture.h"
#include "proto/file/disk.h"
#include "proto/file/hugging_face_export.h"
#include "proto/file/manifest.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

class WeightSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/source";
    fs::remove_all(directory_);
    path_ = WriteTestCheckpoint(directory_, 1, model_, parameters_, 2);
  }

  // Reads into a buffer of the parameter's size.
  std::vector<float> Weight(WeightSource& source, const TestParameter& test) {
    std::vector<float> values(test.weight.size());
    const absl::Status status = source.ReadWeight(test.parameter, values);
    EXPECT_TRUE(status.ok()) << status;
    return values;
  }

  const Gpt2Config model_ = TestModel(/*tied=*/false);
  const std::vector<TestParameter> parameters_ = TestParameters(model_, 1);
  std::string directory_;
  std::string path_;
};

TEST_F(WeightSourceTest, ReadsACheckpointOfAnySharding) {
  for (int ranks = 1; ranks <= 4; ++ranks) {
    const auto source = OpenCheckpointSource(
        WriteTestCheckpoint(directory_, ranks, model_, parameters_, ranks),
        model_);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_TRUE((*source)->has_moments());
    for (const TestParameter& test : parameters_) {
      EXPECT_EQ(Weight(**source, test), test.weight);
      std::vector<float> exp_avg(test.weight.size());
      std::vector<float> exp_avg_sq(test.weight.size());
      ASSERT_TRUE(
          (*source)->ReadMoments(test.parameter, exp_avg, exp_avg_sq).ok());
      EXPECT_EQ(exp_avg, test.exp_avg);
      EXPECT_EQ(exp_avg_sq, test.exp_avg_sq);
    }
  }
}

TEST_F(WeightSourceTest, ReadsAHuggingFaceDirectory) {
  const std::string exported = directory_ + "/hf";
  ASSERT_TRUE(ExportHuggingFace(path_, exported, RealDisk()).ok());
  const auto source = OpenHuggingFaceSource(exported, model_);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->model(), Architecture(model_));
  EXPECT_FALSE((*source)->has_moments());
  for (const TestParameter& test : parameters_) {
    EXPECT_EQ(Weight(**source, test), test.weight);
  }
  std::vector<float> values(parameters_[0].weight.size());
  EXPECT_EQ(
      (*source)->ReadMoments(parameters_[0].parameter, values, values),
      absl::FailedPreconditionError(exported + " has no optimizer state"));
}

TEST_F(WeightSourceTest, ReadsTheFirstPositionsForShorterSequences) {
  const std::string exported = directory_ + "/hf";
  ASSERT_TRUE(ExportHuggingFace(path_, exported, RealDisk()).ok());
  Gpt2Config shorter = model_;
  shorter.sequence_length = model_.sequence_length - 1;
  const auto source = OpenHuggingFaceSource(exported, shorter);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->model(), Architecture(shorter));
  const std::vector<Parameter> parameters = AllParameters(shorter);
  for (size_t i = 0; i < parameters.size(); ++i) {
    std::vector<float> expected = parameters_[i].weight;
    if (i == 1) expected.resize(expected.size() - model_.hidden);
    std::vector<float> values(parameters[i].count());
    ASSERT_TRUE((*source)->ReadWeight(parameters[i], values).ok());
    EXPECT_EQ(values, expected) << parameters[i].name;
  }
  Gpt2Config longer = model_;
  longer.sequence_length = model_.sequence_length + 1;
  EXPECT_EQ(OpenHuggingFaceSource(exported, longer).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(WeightSourceTest, RefusesACheckpointOfAnotherModel) {
  Gpt2Config other = model_;
  other.layers = 3;
  EXPECT_EQ(OpenCheckpointSource(path_, other).status(),
            absl::FailedPreconditionError(
                path_ + " is of another model: its layers is 2, the job's 3"));
  EXPECT_EQ(OpenCheckpointSource(directory_, model_).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(WeightSourceTest, ProvesEachShardBeforeItsFirstTensor) {
  const std::string file = path_ + "/" + ModelShardName(1, 2);
  std::string content = ReadFile(file).value();
  content.back() = static_cast<char>(content.back() ^ 1);
  ASSERT_TRUE(WriteFileAtomically(file, content).ok());
  const auto source = OpenCheckpointSource(path_, model_);
  ASSERT_TRUE(source.ok()) << source.status();
  // The first parameter is the other shard's.
  EXPECT_EQ(Weight(**source, parameters_.front()), parameters_.front().weight);
  std::vector<float> values(parameters_.back().weight.size());
  const absl::Status status =
      (*source)->ReadWeight(parameters_.back().parameter, values);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(std::string(status.message()).starts_with(file)) << status;
}

TEST_F(WeightSourceTest, RefusesABufferOfAnotherSize) {
  const auto source = OpenCheckpointSource(path_, model_);
  ASSERT_TRUE(source.ok()) << source.status();
  std::vector<float> values(1);
  EXPECT_EQ((*source)->ReadWeight(parameters_[0].parameter, values),
            absl::InvalidArgumentError("tensor transformer.wte.weight has 512 "
                                       "bytes, the buffer for it 4"));
}

}  // namespace
}  // namespace penstock
