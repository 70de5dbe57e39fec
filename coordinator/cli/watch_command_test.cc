// `job watch` against a fake coordinator, without and with a terminal.

#include "coordinator/cli/watch_command.h"

#include <csignal>
#include <string>

#include "coordinator/cli/fake_jobs.h"
#include "coordinator/cli/golden.h"
#include "coordinator/cli/sample_job.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

class WatchCommandTest : public testing::Test {
 protected:
  WatchCommandTest() {
    v1::Job queued = SampleJob();
    queued.clear_plan();
    queued.set_state(v1::JOB_STATE_QUEUED);
    queued.set_reason("needs 2 devices; 1 is free");
    queued.set_revision(1);
    queued.set_step(0);
    v1::Job running = SampleJob();
    running.set_revision(2);
    v1::Job done = SampleJob();
    done.set_state(v1::JOB_STATE_SUCCEEDED);
    done.set_reason("all steps are made");
    done.set_revision(3);
    coordinator_.jobs.changes = {queued, running, done};
    coordinator_.jobs.metrics = {SampleMetrics(599), SampleMetrics(600)};
    coordinator_.jobs.trace = SampleTrace();
  }

  CliResult Watch(bool terminal) {
    return RunForTest(
        {"job", "watch", "kjv", "--address", coordinator_.server->address()},
        terminal);
  }

  bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  FakeCoordinator coordinator_;
};

TEST_F(WatchCommandTest, PrintsOneLinePerStepWithoutATerminal) {
  const CliResult result = Watch(false);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(Has(result.out, "Plan of kjv: 2 ranks"));
  EXPECT_TRUE(Has(result.out, "kjv: QUEUED, needs 2 devices; 1 is free\n"));
  EXPECT_TRUE(Has(result.out, "kjv: SUCCEEDED, all steps are made\n"));
  EXPECT_TRUE(Has(result.out,
                  "step 599/600  loss 3.4117  74.2k tokens/s  110 ms left  "
                  "step time 110 ms (predicted 106 ms, +4 %)  "
                  "bubble 34.5 % (predicted 33.3 %)\n"
                  "step 600/600  loss 3.4117"));
  EXPECT_FALSE(Has(result.out, "\x1b"));
}

TEST_F(WatchCommandTest, ExitsByTheStateOfTheJob) {
  coordinator_.jobs.changes.back().set_state(v1::JOB_STATE_FAILED);
  EXPECT_EQ(Watch(false).exit_code, 10);
  coordinator_.jobs.changes.back().set_state(v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(Watch(true).exit_code, 11);
}

TEST_F(WatchCommandTest, RedrawsOneBlockOnATerminal) {
  const CliResult result = Watch(true);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(Has(result.out, "kjv: SUCCEEDED, all steps are made\x1b[K\n"));
  EXPECT_TRUE(Has(result.out, "\x1b[J"));
}

// Killed, stopped with its streams cancelled, or stopped in good order.
TEST_F(WatchCommandTest, GoesOnWithTheLastRevisionAfterABreak) {
  int breaks = 0;
  for (const grpc::Status& status :
       {grpc::Status(grpc::StatusCode::UNAVAILABLE, ""),
        grpc::Status::CANCELLED, grpc::Status::OK}) {
    SCOPED_TRACE(status.error_code());
    coordinator_.jobs.breaks = 1;
    coordinator_.jobs.break_status = status;
    const CliResult result = Watch(false);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const std::vector<uint64_t> watched = coordinator_.jobs.watched_revisions();
    ASSERT_EQ(std::ssize(watched), 2 * ++breaks);
    EXPECT_EQ(watched.back(), 1u);
    EXPECT_TRUE(
        Has(result.out, "no answer from the coordinator; trying again"));
    EXPECT_TRUE(Has(result.out, "the coordinator is back\n"));
  }
}

TEST_F(WatchCommandTest, CtrlCLeavesTheJobRunningAndSaysHowToReturn) {
  coordinator_.jobs.changes.pop_back();
  coordinator_.jobs.on_watch_idle = [] { kill(getpid(), SIGINT); };
  const CliResult result = Watch(false);
  EXPECT_EQ(result.exit_code, 12);
  EXPECT_TRUE(Has(result.out,
                  "Detached; kjv goes on. Watch it again with: penstock job "
                  "watch kjv --address 127.0.0.1:"));
}

}  // namespace
}  // namespace penstock
