#include "proto/file/checkpoint_metrics.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

// Numbers that no short decimal is, and the largest of each kind.
const std::vector<StepMetrics> kSteps = {
    {.step = 49,
     .loss = 1.0 / 3,
     .grad_norm = 1e-300,
     .tokens_per_second = 1e300,
     .bubble_fraction_measured = 0.1,
     .bubble_fraction_predicted = 0.2,
     .step_seconds = 2.0 / 3,
     .step_seconds_predicted = 0.7,
     .plan_revision = 18446744073709551615u},
    {.step = 50, .loss = 4}};

constexpr char kGolden[] =
    R"({"format":"penstock.metrics","version":1,"step":[50],"loss":[4.0],)"
    R"("grad_norm":[0.0],"tokens_per_second":[0.0],)"
    R"("bubble_fraction_measured":[0.0],"bubble_fraction_predicted":[0.0],)"
    R"("step_seconds":[0.0],"step_seconds_predicted":[0.0],)"
    R"("plan_revision":[0]})"
    "\n";

// kGolden with `from` replaced.
std::string Damaged(const std::string& from, const std::string& to) {
  std::string text = kGolden;
  return text.replace(text.find(from), from.size(), to);
}

TEST(CheckpointMetricsTest, KeepsEveryBit) {
  const auto read = CheckpointMetricsFromJson(CheckpointMetricsToJson(kSteps));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, kSteps);
}

TEST(CheckpointMetricsTest, IsWrittenAsItSays) {
  EXPECT_EQ(CheckpointMetricsToJson(std::span(&kSteps[1], 1)), kGolden);
}

TEST(CheckpointMetricsTest, RefusesWhatIsDamaged) {
  const std::pair<std::string, std::string> cases[] = {
      {kGolden, "{"},
      {Damaged("penstock.metrics", "penstock"), "format \"penstock\""},
      {Damaged("[50]", "[-50]"), "value 0 of field \"step\""},
      {Damaged("[50]", "[0]"), "step 0 after 0"},
      {Damaged("[50]", "[50,50]"), "step 50 after 50"},
      {Damaged("[50]", "[50,51]"), "field \"loss\" has 1 values of 2 steps"},
      {Damaged("[4.0]", "[null]"), "value 0 of field \"loss\""},
      {Damaged("[4.0]", "4.0"), "\"loss\""},
      {Damaged("loss", "cost"), "\"loss\""}};
  EXPECT_TRUE(CheckpointMetricsFromJson(cases[0].first).ok());
  for (const auto& [text, wanted] : std::span(cases).subspan(1)) {
    SCOPED_TRACE(wanted);
    const absl::Status status = CheckpointMetricsFromJson(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_NE(status.message().find(wanted), status.message().npos) << status;
  }
  EXPECT_TRUE(absl::IsUnimplemented(
      CheckpointMetricsFromJson(Damaged(":1,", ":2,")).status()));
}

TEST(CheckpointMetricsTest, RefusesMoreStepsThanAreKept) {
  std::vector<StepMetrics> steps(kCheckpointMetricsMax + 1);
  for (size_t i = 0; i < steps.size(); ++i) {
    steps[i].step = static_cast<int64_t>(i) + 1;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(
      CheckpointMetricsFromJson(CheckpointMetricsToJson(steps)).status()));
  steps.pop_back();
  EXPECT_TRUE(CheckpointMetricsFromJson(CheckpointMetricsToJson(steps)).ok());
}

TEST(CheckpointMetricsTest, ReadsThoseOfACheckpointThatHasSome) {
  const std::string path = testing::TempDir() + "/with-metrics";
  std::filesystem::create_directories(path);
  const std::string file = path + "/" + kCheckpointMetricsName;
  std::filesystem::remove(file);
  EXPECT_TRUE(ReadCheckpointMetrics(path)->empty());
  std::ofstream(file) << CheckpointMetricsToJson(kSteps);
  EXPECT_EQ(*ReadCheckpointMetrics(path), kSteps);
  std::ofstream(file) << "{";
  const absl::Status status = ReadCheckpointMetrics(path).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_NE(status.message().find(file), status.message().npos) << status;
}

}  // namespace
}  // namespace penstock
