#include "coordinator/service/plan_maker.h"

#include <stdlib.h>

#include <filesystem>

#include "gtest/gtest.h"
#include "proto/file/checkpoint_fixture.h"

namespace penstock {
namespace {

class PlanMakerTest : public testing::Test {
 protected:
  PlanMakerTest() {
    std::string pattern = testing::TempDir() + "plan_maker_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    spec_.model.architecture = TestModel(/*tied=*/true);
  }
  ~PlanMakerTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& job, int64_t step) const {
    const Gpt2Config model = TestModel(/*tied=*/true);
    const std::string directory = directory_ + "/" + job;
    std::filesystem::create_directories(directory);
    return WriteTestCheckpoint(directory, step, model, TestParameters(model, 1),
                               1);
  }

  StartPoint Start(const StartPoint& known) const {
    const std::vector<DeviceShape> devices = {
        {.memory_bytes = int64_t{1} << 32, .flops_per_second = 1e11}};
    const absl::StatusOr<Plan> plan =
        MakePlanMaker(directory_)(spec_, devices, known);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? plan->start : StartPoint{};
  }

  std::string directory_;
  JobSpec spec_{.name = "job", .steps = 100};
};

TEST_F(PlanMakerTest, GoesOnFromANewerCheckpointThanTheReportedOne) {
  Write("job", 40);
  const std::string newest = Write("job", 60);
  // Of step 20 it was told; that one has been pruned since.
  const StartPoint start = Start({20, directory_ + "/job/step-00000020"});
  EXPECT_EQ(start.step, 60);
  EXPECT_EQ(start.checkpoint, newest);
}

TEST_F(PlanMakerTest, PassesOverACheckpointThatIsNotComplete) {
  const std::string complete = Write("job", 40);
  std::filesystem::create_directories(directory_ + "/job/step-00000060");
  EXPECT_EQ(Start({20, directory_ + "/job/step-00000020"}).checkpoint,
            complete);
}

TEST_F(PlanMakerTest, GoesOnFromWhatTheJobReportedWhenItHasNoneOfItsOwn) {
  const std::string other = Write("other", 50);
  const StartPoint start = Start({50, other});
  EXPECT_EQ(start.step, 50);
  EXPECT_EQ(start.checkpoint, other);
}

TEST_F(PlanMakerTest, BeginsWithTheCheckpointToResumeFrom) {
  spec_.checkpoint.resume_from = Write("other", 50);
  const StartPoint start = Start({});
  EXPECT_EQ(start.step, 50);
  EXPECT_EQ(start.checkpoint, spec_.checkpoint.resume_from);
  spec_.checkpoint.resume_from.clear();
  EXPECT_EQ(Start({}).checkpoint, "");
}

TEST_F(PlanMakerTest, RefusesAPlanThatNoMessageHolds) {
  const std::vector<DeviceShape> devices(
      4, {.memory_bytes = int64_t{1} << 40, .flops_per_second = 1e11});
  spec_.model.architecture = SimModel{.layers = 4, .forward_us = 1};
  spec_.parallelism.pipeline = 4;
  spec_.batch.micro_batches = 1024;
  EXPECT_TRUE(MakePlanMaker(directory_)(spec_, devices, {}).ok());
  // Too large as planned, and too large to be planned.
  for (const int64_t micro_batches : {int64_t{65536}, int64_t{1} << 30}) {
    spec_.batch.micro_batches = micro_batches;
    const absl::Status status =
        MakePlanMaker(directory_)(spec_, devices, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_NE(std::string(status.message())
                  .find("with parallelism.pipeline 4 the plan would have more "
                        "than 3 MiB"),
              std::string::npos)
        << status;
  }
}

}  // namespace
}  // namespace penstock
