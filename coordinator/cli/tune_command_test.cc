#include "coordinator/cli/tune_command.h"

#include <csignal>
#include <string>
#include <vector>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/fake_jobs.h"
#include "coordinator/cli/sample_job.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr char kFile[] =
    "name: kjv  # the Bible\n"
    "model: {sim: {layers: 2}}\n"
    "batch: {micro_batch_size: 2, micro_batches: 4}\n"
    "steps: 300\n"
    "checkpoint: {every_steps: 1, resume_from: /c}\n";

// A cluster on which the job of size 4 is made, with three steps' metrics.
class TuneCommandTest : public testing::Test {
 protected:
  TuneCommandTest() {
    v1::Job job = SampleJob();
    job.mutable_spec()->set_name("kjv-tune-4");
    job.set_state(v1::JOB_STATE_SUCCEEDED);
    coordinator_.jobs.changes = {job};
    coordinator_.jobs.metrics = {SampleMetrics(1), SampleMetrics(2)};
    EXPECT_TRUE(WriteFileAtomically(path_, kFile).ok());
  }

  CliResult Tune(std::vector<std::string> more) {
    more.insert(more.begin(), {"job", "tune", "-f", path_, "--sizes", "4",
                               "--address", coordinator_.server->address()});
    return RunForTest(more);
  }

  FakeCoordinator coordinator_;
  const std::string path_ = testing::TempDir() + "/kjv.yaml";
};

TEST_F(TuneCommandTest, WritesTheBestIntoTheFile) {
  const CliResult result = Tune({"--steps", "3"});
  EXPECT_EQ(result.exit_code, kExitOk) << result.err;
  EXPECT_THAT(result.out, HasSubstr("   4              2     74.2k"));
  EXPECT_THAT(result.out, HasSubstr("34.5 %      250 MiB   261 MiB  best\n"));
  EXPECT_EQ(ReadFile(path_).value(),
            "name: kjv  # the Bible\n"
            "model: {sim: {layers: 2}}\n"
            "batch: {micro_batch_size: 4, micro_batches: 2}\n"
            "steps: 300\n"
            "checkpoint: {every_steps: 1, resume_from: /c}\n");
  EXPECT_THAT(ReadFile(testing::TempDir() + "/kjv-tune.svg").value(),
              HasSubstr("Throughput"));
  const v1::JobSpec spec = coordinator_.jobs.submitted();
  EXPECT_EQ(spec.steps(), 3);
  EXPECT_EQ(spec.batch().micro_batches(), 2);
  EXPECT_EQ(spec.checkpoint().resume_from(), "");
  EXPECT_EQ(spec.checkpoint().every_steps(), 0);
}

TEST_F(TuneCommandTest, KeepsTheFileWhenAsked) {
  const std::string svg = testing::TempDir() + "/elsewhere.svg";
  EXPECT_EQ(Tune({"--keep", "--svg", svg}).exit_code, kExitOk);
  EXPECT_EQ(ReadFile(path_).value(), kFile);
  EXPECT_TRUE(ReadFile(svg).ok());
}

TEST_F(TuneCommandTest, ASizeThatDoesNotFitIsShownAsSuch) {
  coordinator_.jobs.refusal = {grpc::StatusCode::FAILED_PRECONDITION,
                               "rank 0 needs 9 GiB"};
  const CliResult result = Tune({});
  EXPECT_EQ(result.exit_code, kExitNotPlaced);
  EXPECT_THAT(result.out, HasSubstr("rank 0 needs 9 GiB"));
  EXPECT_EQ(ReadFile(path_).value(), kFile);
}

TEST_F(TuneCommandTest, AJobThatFailsIsShownWithItsReason) {
  coordinator_.jobs.changes.back().set_state(v1::JOB_STATE_FAILED);
  coordinator_.jobs.changes.back().set_reason("loss is not finite");
  const CliResult result = Tune({});
  EXPECT_EQ(result.exit_code, kExitNotPlaced);
  EXPECT_THAT(result.out, HasSubstr("loss is not finite"));
}

TEST_F(TuneCommandTest, AJobThatTakesTooLongIsCancelled) {
  coordinator_.jobs.changes.back().set_state(v1::JOB_STATE_QUEUED);
  coordinator_.jobs.changes.back().set_reason("waits for devices");
  const CliResult result = Tune({"--timeout", "0"});
  EXPECT_EQ(result.exit_code, kExitNotPlaced);
  EXPECT_THAT(result.out, HasSubstr("not finished after 0: waits for devices"));
  EXPECT_THAT(coordinator_.jobs.request_ids(), SizeIs(2));  // Submit, Cancel.
}

TEST_F(TuneCommandTest, CtrlCCancelsTheJob) {
  coordinator_.jobs.changes.back().set_state(v1::JOB_STATE_RUNNING);
  coordinator_.jobs.on_submit = [] { std::raise(SIGINT); };
  const CliResult result = Tune({});
  EXPECT_EQ(result.exit_code, kExitCancelled);
  EXPECT_THAT(result.err, HasSubstr("interrupted; the job was cancelled"));
  EXPECT_THAT(coordinator_.jobs.request_ids(), SizeIs(2));
  EXPECT_EQ(ReadFile(path_).value(), kFile);
}

TEST_F(TuneCommandTest, ANetworkErrorIsAnError) {
  coordinator_.jobs.refusal = {grpc::StatusCode::INTERNAL, "broken"};
  EXPECT_EQ(Tune({}).exit_code, kExitInternal);
}

TEST_F(TuneCommandTest, TakesAnotherNameWhenOneIsTaken) {
  coordinator_.jobs.changes.back().mutable_spec()->set_name("kjv-tune-4-3");
  coordinator_.jobs.taken = 2;
  EXPECT_EQ(Tune({}).exit_code, kExitOk);
  EXPECT_EQ(coordinator_.jobs.submitted().name(), "kjv-tune-4-3");
}

}  // namespace
}  // namespace penstock
