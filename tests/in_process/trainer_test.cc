// How a job's training ends: at its last step, by a pause, or with an error
// that says what to do.

#include "worker/runtime/trainer.h"

#include <unistd.h>

#include <filesystem>
#include <limits>
#include <string>

#include "coordinator/planner/planner.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"
#include "proto/file/faulty_disk.h"
#include "tests/in_process/in_process_job.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class TrainerTest : public testing::Test {
 protected:
  TrainerTest() {
    root_ = testing::TempDir() + fmt::format("/trainer-{}", ::getpid());
    fs::create_directories(root_);
    std::string tokens;
    for (int i = 0; i < 1024; ++i) {
      tokens.push_back(static_cast<char>(i * i % 31));
      tokens.push_back('\0');
    }
    EXPECT_TRUE(WriteFileAtomically(root_ + "/tokens.bin", tokens).ok());
  }
  ~TrainerTest() override { fs::remove_all(root_); }

  Plan PlanOf(double learning_rate, int64_t pipeline,
              const std::string& schedule = "1f1b") const {
    JobSpec spec;
    spec.name = "job";
    spec.model.architecture = Gpt2Config{.layers = 2,
                                         .hidden = 16,
                                         .heads = 2,
                                         .sequence_length = 8,
                                         .vocabulary = 31};
    spec.data.tokens = root_ + "/tokens.bin";
    spec.optimizer.learning_rate = learning_rate;
    spec.batch = {.micro_batch_size = 2, .micro_batches = 2};
    spec.parallelism = {.pipeline = pipeline, .data = 1, .schedule = schedule};
    spec.steps = 4;
    const std::vector<DeviceShape> devices(
        pipeline, {.memory_bytes = int64_t{1} << 32, .flops_per_second = 1e11});
    absl::StatusOr<Plan> plan = MakePlan(spec, devices, LinkShape{});
    EXPECT_TRUE(plan.ok()) << plan.status();
    plan->checkpoint_directory = root_ + "/checkpoints";
    return *std::move(plan);
  }

  std::string root_;
};

TEST_F(TrainerTest, EndsWithACheckpointOfTheLastStep) {
  const auto result = RunInProcess(PlanOf(1e-3, 2), {.root = root_});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->progress.step, 4);
  EXPECT_EQ(result->progress.checkpoint_step, 4);
  EXPECT_TRUE(fs::exists(result->progress.checkpoint + "/manifest.json"));
}

TEST_F(TrainerTest, APauseEndsTheStepAndSavesIt) {
  const auto result =
      RunInProcess(PlanOf(1e-3, 2), {.root = root_, .pause_after_step = 2});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->progress.step, 2);
  EXPECT_EQ(result->progress.checkpoint_step, 2);
}

// Who made the steps before may have been lost before he could tell of them.
TEST_F(TrainerTest, GoingOnTellsOfTheStepsInItsCheckpointAgain) {
  Plan plan = PlanOf(1e-3, 2);
  const auto first = RunInProcess(plan, {.root = root_, .pause_after_step = 2});
  ASSERT_TRUE(first.ok()) << first.status();
  plan.start = {.step = 2, .checkpoint = first->progress.checkpoint};
  // A third run has what the second one had of the first.
  for (int64_t stop = 3; stop <= 4; ++stop) {
    const auto next =
        RunInProcess(plan, {.root = root_, .pause_after_step = stop});
    ASSERT_TRUE(next.ok()) << next.status();
    ASSERT_EQ(std::ssize(next->metrics), stop);
    for (int64_t i = 0; i < stop; ++i) EXPECT_EQ(next->metrics[i].step, i + 1);
    EXPECT_EQ(next->metrics[0], first->metrics[0]);
    EXPECT_EQ(next->metrics[1], first->metrics[1]);
    plan.start = {.step = stop, .checkpoint = next->progress.checkpoint};
  }
}

TEST_F(TrainerTest, AnotherJobsStepsAreNotItsOwn) {
  const auto first =
      RunInProcess(PlanOf(1e-3, 2), {.root = root_, .pause_after_step = 2});
  ASSERT_TRUE(first.ok()) << first.status();
  Plan plan = PlanOf(1e-3, 2);
  plan.checkpoint_directory = root_ + "/another";
  plan.start = {.step = 2, .checkpoint = first->progress.checkpoint};
  const auto next = RunInProcess(plan, {.root = root_});
  ASSERT_TRUE(next.ok()) << next.status();
  ASSERT_EQ(next->metrics.size(), 2u);
  EXPECT_EQ(next->metrics[0].step, 3);
}

TEST_F(TrainerTest, DamagedMetricsInACheckpointStopNoTraining) {
  const auto first =
      RunInProcess(PlanOf(1e-3, 2), {.root = root_, .pause_after_step = 2});
  ASSERT_TRUE(first.ok()) << first.status();
  Plan plan = PlanOf(1e-3, 2);
  plan.start = {.step = 2, .checkpoint = first->progress.checkpoint};
  const std::string file = plan.start.checkpoint + "/metrics.json";
  ASSERT_TRUE(fs::exists(file));
  ASSERT_TRUE(WriteFileAtomically(file, "{").ok());
  const auto next = RunInProcess(plan, {.root = root_});
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->metrics.size(), 2u);
}

TEST_F(TrainerTest, ACancelledOneEndsWithItsStepAndSavesNothing) {
  for (const int64_t pipeline : {1, 2}) {
    const auto result = RunInProcess(PlanOf(1e-3, pipeline),
                                     {.root = root_, .cut_after_step = 2});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->metrics.size(), 2u);
    EXPECT_EQ(result->progress.checkpoint, "");
    EXPECT_FALSE(fs::exists(root_ + "/checkpoints"));
  }
}

TEST_F(TrainerTest, TurnsToALaterRevisionOfItsPlanAndKeepsTheBits) {
  const auto whole = RunInProcess(PlanOf(1e-3, 2, "gpipe"), {.root = root_});
  ASSERT_TRUE(whole.ok()) << whole.status();
  const Plan first = PlanOf(1e-3, 2);
  auto second = std::make_shared<Plan>(PlanOf(1e-3, 2, "gpipe"));
  second->revision = 1;
  second->step_time = absl::Seconds(7);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(second->stages[i].unit_end, first.stages[i].unit_end) << i;
  }
  // GPipe needs more buffers.
  ASSERT_GT(second->ranks[1].buffers[0].activations,
            first.ranks[1].buffers[0].activations);
  const auto revised = RunInProcess(
      first, {.root = root_, .revise_after_step = 2, .revision = second});
  ASSERT_TRUE(revised.ok()) << revised.status();
  EXPECT_EQ(revised->progress.revision, 1);
  for (const StepTrace& trace : revised->traces) {
    EXPECT_EQ(trace.revision, trace.step > 3 ? 1 : 0) << trace.step;
  }
  for (size_t i = 0; i < revised->metrics.size(); ++i) {
    EXPECT_EQ(revised->metrics[i].loss, whole->metrics[i].loss);
    EXPECT_EQ(revised->metrics[i].grad_norm, whole->metrics[i].grad_norm);
    EXPECT_EQ(revised->metrics[i].step_seconds_predicted == 7, i == 3);
  }
}

TEST_F(TrainerTest, OfManyStepsASecondAllRanksTraceTheSameRuns) {
  Plan plan = PlanOf(1e-3, 2);
  plan.spec.steps = 20;
  // So that of 32 a second every other run of eight goes out.
  plan.step_time = absl::Seconds(1.0 / 32);
  const auto result = RunInProcess(plan, {.root = root_});
  ASSERT_TRUE(result.ok()) << result.status();
  std::vector<std::vector<int64_t>> steps(2);
  for (const StepTrace& trace : result->traces) {
    steps[trace.rank].push_back(trace.step);
  }
  const std::vector<int64_t> expected = {1, 2, 3,  4,  5,  6,
                                         7, 8, 17, 18, 19, 20};
  EXPECT_EQ(steps[0], expected);
  EXPECT_EQ(steps[1], expected);
}

TEST_F(TrainerTest, ARevisionWithOtherStagesEndsTheJob) {
  auto other = std::make_shared<Plan>(PlanOf(1e-3, 2));
  other->revision = 1;
  ++other->stages[0].unit_end;
  --other->stages[1].unit_begin;
  const auto result =
      RunInProcess(PlanOf(1e-3, 2),
                   {.root = root_, .revise_after_step = 1, .revision = other});
  EXPECT_TRUE(absl::IsInvalidArgument(result.status())) << result.status();
}

TEST_F(TrainerTest, ALossThatIsNotFiniteEndsTheJobAndNamesTheStep) {
  const auto result = RunInProcess(PlanOf(1e30, 1), {.root = root_});
  EXPECT_TRUE(absl::IsOutOfRange(result.status())) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("step 2"));
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("training diverged"));
}

TEST_F(TrainerTest, AJobWithoutItsLastCheckpointHasFailed) {
  FaultyDisk disk(FaultyDisk::Fault::kFull, 0);
  const auto result =
      RunInProcess(PlanOf(1e-3, 1), {.root = root_, .disk = disk});
  EXPECT_TRUE(absl::IsResourceExhausted(result.status())) << result.status();
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("last checkpoint"));
}

TEST_F(TrainerTest, RefusesCheckpointsOutsideOfTheRoots) {
  Plan plan = PlanOf(1e-3, 2);
  plan.checkpoint_directory = testing::TempDir() + "/elsewhere";
  const auto result = RunInProcess(plan, {.root = root_});
  EXPECT_TRUE(absl::IsPermissionDenied(result.status())) << result.status();
  EXPECT_FALSE(fs::exists(plan.checkpoint_directory));
}

TEST_F(TrainerTest, RemovesWhatEarlierPlansLeftHalfWritten) {
  const Plan plan = PlanOf(1e-3, 2);
  // RunInProcess executes epoch 1.
  const std::string stale =
      plan.checkpoint_directory + "/.step-00000007.epoch-0";
  const std::string newer =
      plan.checkpoint_directory + "/.step-00000007.epoch-2";
  fs::create_directories(stale);
  fs::create_directories(newer);
  ASSERT_TRUE(RunInProcess(plan, {.root = root_}).ok());
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(newer));
}

}  // namespace
}  // namespace penstock
