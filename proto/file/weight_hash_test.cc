#include "proto/file/weight_hash.h"

#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "proto/file/checkpoint_fixture.h"
#include "proto/file/hugging_face_export.h"

namespace penstock {
namespace {

class WeightHashTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/hash";
    std::filesystem::remove_all(directory_);
  }

  std::string HashOf(const std::vector<TestParameter>& parameters, int ranks) {
    ++step_;
    const auto hash = HashWeights(WriteTestCheckpoint(
        directory_, step_, TestModel(false), parameters, ranks));
    EXPECT_TRUE(hash.ok()) << hash.status();
    return *hash;
  }

  int64_t step_ = 0;
  std::string directory_;
};

TEST_F(WeightHashTest, DoesNotDependOnSharding) {
  const auto parameters = TestParameters(TestModel(false), 1);
  const std::string hash = HashOf(parameters, 1);
  EXPECT_EQ(hash.size(), 32);
  for (int ranks = 2; ranks <= 5; ++ranks) {
    EXPECT_EQ(HashOf(parameters, ranks), hash);
  }
}

TEST_F(WeightHashTest, DependsOnEveryWeightButNotOnMoments) {
  auto parameters = TestParameters(TestModel(false), 1);
  const std::string hash = HashOf(parameters, 2);
  for (TestParameter& test : parameters) {
    test.exp_avg.back() += 1;
    EXPECT_EQ(HashOf(parameters, 2), hash);
    const float before = test.weight.back();
    test.weight.back() += 1;
    EXPECT_NE(HashOf(parameters, 2), hash) << test.parameter.name;
    test.weight.back() = before;
  }
}

TEST_F(WeightHashTest, IsEqualForAnExportedModel) {
  const Gpt2Config model = TestModel(false);
  const std::string path =
      WriteTestCheckpoint(directory_, 1, model, TestParameters(model, 1), 2);
  const std::string exported = directory_ + "/hf";
  ASSERT_TRUE(ExportHuggingFace(path, exported, RealDisk()).ok());
  EXPECT_EQ(HashWeights(exported).value(), HashWeights(path).value());
}

TEST_F(WeightHashTest, RefusesWhatIsNoModel) {
  EXPECT_EQ(HashWeights(directory_).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace penstock
