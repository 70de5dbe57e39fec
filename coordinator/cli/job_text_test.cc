#include "coordinator/cli/job_text.h"

#include "coordinator/cli/golden.h"
#include "coordinator/cli/sample_job.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

// Golden texts lie in tests/golden/cli.
const absl::Time kNow = absl::FromUnixSeconds(1769860800);

TEST(JobTextTest, ListOfJobsMatchesGolden) {
  v1::Job waiting = SampleJob();
  waiting.mutable_spec()->set_name("a-longer-name");
  waiting.set_state(v1::JOB_STATE_QUEUED);
  waiting.set_reason("needs 2 devices; 1 of 4 is free (job kjv has 3)");
  waiting.set_step(0);
  // A clock that is a little ahead of ours.
  waiting.mutable_submit_time()->set_seconds(1769860801);
  ExpectGolden("job_list", JobsText({waiting, SampleJob()}, kNow, 80));
}

TEST(JobTextTest, OneJobMatchesGolden) {
  ExpectGolden("job_get", JobText(SampleJob(), kNow, 80));
}

TEST(JobTextTest, WorkersMatchGolden) {
  const v1::ListWorkersResponse workers = SampleWorkers();
  ExpectGolden(
      "worker_list",
      WorkersText({workers.workers().begin(), workers.workers().end()}, 80));
}

TEST(JobTextTest, MetricsMatchGolden) {
  ExpectGolden("job_metrics", MetricsHeading() + MetricsText(SampleMetrics(1)) +
                                  MetricsText(SampleMetrics(180)));
}

TEST(JobTextTest, StatesHaveTheirNames) {
  EXPECT_EQ(StateText(v1::JOB_STATE_RUNNING), "RUNNING");
  EXPECT_EQ(StateText(static_cast<v1::JobState>(77)), "STATE 77");
}

TEST(JobTextTest, LogLinesHaveTimeLevelAndSource) {
  v1::LogLine line;
  line.mutable_time()->set_seconds(1769860800);
  line.set_level("warn");
  line.set_source("coordinator");
  line.set_text("worker-1 is lost");
  EXPECT_EQ(LogText(line),
            "2026-01-31T12:00:00Z warn coordinator: worker-1 is lost\n");
}

}  // namespace
}  // namespace penstock
