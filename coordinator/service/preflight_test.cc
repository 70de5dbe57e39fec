#include "coordinator/service/preflight.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <variant>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/file/checkpoint.h"
#include "proto/file/checkpoint_fixture.h"
#include "proto/file/hugging_face_export.h"

namespace penstock {
namespace {

class PreflightTest : public testing::Test {
 protected:
  PreflightTest() {
    std::string pattern = testing::TempDir() + "preflight_XXXXXX";
    directory_ = std::filesystem::canonical(mkdtemp(pattern.data())).string();
  }
  ~PreflightTest() override { std::filesystem::remove_all(directory_); }

  absl::StatusOr<CheckedJob> Check(const JobSpec& spec) {
    absl::StatusOr<AllowedRoots> roots = AllowedRoots::Create({directory_});
    EXPECT_TRUE(roots.ok()) << roots.status();
    return Preflight(*std::move(roots), directory_).Check(spec);
  }

  std::string Write(const std::string& name, const std::string& content) {
    const std::string path = directory_ + "/" + name;
    std::filesystem::create_directories(
        std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  JobSpec Job() {
    JobSpec spec = {.name = "job"};
    spec.model.architecture = kModel;
    spec.data.tokens = Write("tokens.bin", std::string(64, '\0'));
    spec.steps = 100;
    return spec;
  }

  std::string WriteManifest(const Gpt2Config& model, int64_t step) {
    const Manifest manifest = {
        .job = "before", .epoch = 1, .step = step, .model = model};
    Write("checkpoint/manifest.json", ManifestToJson(manifest));
    return directory_ + "/checkpoint";
  }

  // A model as Hugging Face has them.
  std::string WriteModel(const Architecture& model = TestModel(/*tied=*/true)) {
    const std::string checkpoint =
        WriteTestCheckpoint(directory_, 1, model, TestParameters(model, 1), 1);
    const absl::Status status =
        ExportHuggingFace(checkpoint, directory_ + "/model", RealDisk());
    EXPECT_TRUE(status.ok()) << status;
    return directory_ + "/model";
  }

  static constexpr Gpt2Config kModel = {.layers = 2,
                                        .hidden = 16,
                                        .heads = 2,
                                        .sequence_length = 8,
                                        .vocabulary = 256};

  std::string directory_;
};

TEST_F(PreflightTest, MakesPathsCanonical) {
  JobSpec spec = Job();
  std::filesystem::create_directory(directory_ + "/x");
  spec.data.tokens = directory_ + "/x/../tokens.bin";
  const absl::StatusOr<CheckedJob> job = Check(spec);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->spec.data.tokens, directory_ + "/tokens.bin");
}

TEST_F(PreflightTest, NeedsOneSampleAndItsLabels) {
  JobSpec spec = Job();
  spec.data.tokens = Write("nine.bin", std::string(2 * 9, '\0'));
  EXPECT_TRUE(Check(spec).ok());
  spec.data.tokens = Write("eight.bin", std::string(2 * 8, '\0'));
  const absl::Status status = Check(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
}

TEST_F(PreflightTest, RefusesACheckpointOfAnotherModel) {
  Gpt2Config other = kModel;
  other.hidden = 32;
  JobSpec spec = Job();
  spec.checkpoint.resume_from = WriteManifest(other, 50);
  const absl::Status status = Check(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const std::string message(status.message());
  EXPECT_NE(message.find("a checkpoint of another model"), std::string::npos);
  EXPECT_NE(message.find("hidden 32"), std::string::npos) << message;
  EXPECT_NE(message.find("hidden 16"), std::string::npos) << message;
}

TEST_F(PreflightTest, RefusesACheckpointThatHasAllSteps) {
  JobSpec spec = Job();
  spec.checkpoint.resume_from = WriteManifest(kModel, 100);
  EXPECT_EQ(Check(spec).status().code(), absl::StatusCode::kFailedPrecondition);
  spec.steps = 101;
  EXPECT_TRUE(Check(spec).ok());
}

TEST_F(PreflightTest, RefusesADirectoryThatIsNoCheckpoint) {
  JobSpec spec = Job();
  spec.checkpoint.resume_from = directory_;
  const absl::Status status = Check(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_EQ(std::string(status.message()).find("checkpoint.resume_from: "), 0);
}

TEST_F(PreflightTest, ReadsTheArchitectureOfAModelDirectory) {
  JobSpec spec = Job();
  spec.model = {.init_from = WriteModel()};
  const absl::StatusOr<CheckedJob> job = Check(spec);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(std::get<Gpt2Config>(
                std::get<Architecture>(job->spec.model.architecture)),
            TestModel(/*tied=*/true));
}

TEST_F(PreflightTest, ReadsTheArchitectureOfALlamaDirectory) {
  JobSpec spec = Job();
  spec.model = {.init_from = WriteModel(TestLlama(/*tied=*/false))};
  const absl::StatusOr<CheckedJob> job = Check(spec);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(std::get<Architecture>(job->spec.model.architecture),
            Architecture(TestLlama(/*tied=*/false)));
}

TEST_F(PreflightTest, TrainsOnShorterSequencesThanTheModelTakes) {
  JobSpec spec = Job();
  spec.model = {.init_from = WriteModel()};
  Gpt2Config model = TestModel(/*tied=*/true);
  const int64_t most = model.sequence_length;
  spec.model.sequence_length = --model.sequence_length;
  const absl::StatusOr<CheckedJob> job = Check(spec);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(std::get<Architecture>(job->spec.model.architecture),
            Architecture(model));
  spec.model.sequence_length = most + 1;
  EXPECT_EQ(Check(spec).status(),
            absl::InvalidArgumentError(fmt::format(
                "model.sequence_length: {}: must be 1 to {}, as long as the "
                "model's config.json says that sequences may be",
                most + 1, most)));
}

TEST_F(PreflightTest, RefusesAModelWithDamagedWeights) {
  JobSpec spec = Job();
  spec.model = {.init_from = WriteModel()};
  const std::string weights = spec.model.init_from + "/model.safetensors";
  std::filesystem::resize_file(weights,
                               std::filesystem::file_size(weights) - 1);
  const absl::Status status = Check(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(std::string(status.message()).find("model.init_from: "), 0)
      << status;
  EXPECT_NE(std::string(status.message()).find("model.safetensors"),
            std::string::npos)
      << status;
}

TEST_F(PreflightTest, WarnsOfADiskThatIsTooSmallForTheCheckpoints) {
  EXPECT_TRUE(Check(Job())->warnings.empty());
  JobSpec spec = Job();
  // 12 bytes for each of some 10^13 parameters: no disk has them.
  spec.model.architecture = Gpt2Config{.layers = 4096,
                                       .hidden = 16384,
                                       .heads = 64,
                                       .sequence_length = 8,
                                       .vocabulary = 256};
  const absl::StatusOr<CheckedJob> job = Check(spec);
  ASSERT_TRUE(job.ok()) << job.status();
  ASSERT_EQ(job->warnings.size(), 1);
  EXPECT_NE(job->warnings[0].find("GB free"), std::string::npos);
}

TEST_F(PreflightTest, LooksAtNoFileOfASimulatedJob) {
  JobSpec spec = Job();
  spec.model.architecture = SimModel{.layers = 4};
  spec.data.tokens.clear();
  EXPECT_TRUE(Check(spec).ok());
}

}  // namespace
}  // namespace penstock
