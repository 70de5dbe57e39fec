// Whole command lines against a fake coordinator: what is printed, where, and
// the exit code.

#include "coordinator/cli/cli.h"

#include <set>
#include <string>
#include <vector>

#include "coordinator/cli/fake_jobs.h"
#include "coordinator/cli/golden.h"
#include "coordinator/cli/sample_job.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"

namespace penstock {
namespace {

using nlohmann::json;

class CliTest : public testing::Test {
 protected:
  CliTest() { coordinator_.jobs.changes = {SampleJob()}; }

  CliResult Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(),
                     {"--address", coordinator_.server->address()});
    return RunForTest(arguments);
  }

  std::string JobFile(const std::string& text) {
    const std::string path = testing::TempDir() + "/job.yaml";
    EXPECT_TRUE(WriteFileAtomically(path, text).ok());
    return path;
  }

  FakeCoordinator coordinator_;
};

TEST_F(CliTest, HelpIsNotAnError) {
  const CliResult result = RunForTest({"--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("Exit codes:"), std::string::npos);
  EXPECT_EQ(result.err, "");
}

TEST_F(CliTest, AWrongCommandLineExitsWith2) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{},
        {"job"},
        {"jib", "list"},
        {"job", "get"},
        {"job", "list", "--address"},
        {"job", "list", "-o", "xml"},
        {"up", "--state-dir", "x", "--workers", "65"},
        {"up", "--state-dir", "x", "--workers", "0"},
        {"job", "list", "--nonsense"},
        {"job", "trace", "kjv"}}) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const CliResult result = RunForTest(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err, "");
  }
}

TEST_F(CliTest, AsksWhichClusterWhenNoneIsGiven) {
  const CliResult result = RunForTest({"job", "list"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err,
            "penstock: which cluster? Give --state-dir DIR (as given to "
            "penstock up) or --address HOST:PORT\n");
}

TEST_F(CliTest, SaysHowToStartAClusterThatIsNotThere) {
  const CliResult result =
      RunForTest({"job", "list", "--state-dir", "/nonexistent"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err,
            "penstock: no cluster in /nonexistent (/nonexistent/coordinator/"
            "address: No such file or directory); start one with: penstock up "
            "--workers 4 --state-dir /nonexistent\n");
}

TEST_F(CliTest, SubmitSendsTheFileAndProposesToWatch) {
  const std::string file = JobFile("name: kjv\nsteps: 600\n");
  const CliResult result = Run({"job", "submit", "-f", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(coordinator_.jobs.submitted().steps(), 600);
  EXPECT_EQ(result.out,
            "kjv: RUNNING, all ranks train\n"
            "Watch it with: penstock job watch kjv --address " +
                coordinator_.server->address() + "\n");
}

TEST_F(CliTest, SubmitRetriesWithOneRequestId) {
  coordinator_.jobs.unavailable = 2;
  const std::string file = JobFile("name: kjv");
  EXPECT_EQ(Run({"job", "submit", "-f", file}).exit_code, 0);
  const std::vector<std::string> ids = coordinator_.jobs.request_ids();
  EXPECT_EQ(ids.size(), 3u);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 1u);
  EXPECT_EQ(ids[0].size(), 32u);

  EXPECT_EQ(Run({"job", "submit", "-f", file}).exit_code, 0);
  EXPECT_NE(coordinator_.jobs.request_ids().back(), ids[0]);
}

TEST_F(CliTest, GivesUpOnACoordinatorThatStaysUnavailable) {
  coordinator_.jobs.unavailable = 1000;
  const CliResult result = Run({"job", "cancel", "kjv"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(coordinator_.jobs.request_ids().size(), 5u);
  EXPECT_EQ(
      result.err,
      "penstock: no answer from the coordinator at " +
          coordinator_.server->address() +
          ": starting; does it run, and without TLS? See: penstock doctor "
          "--address " +
          coordinator_.server->address() + "\n");
}

TEST_F(CliTest, AWrongJobFileExitsWith2AndNamesTheLine) {
  const std::string file = JobFile("name: kjv\nstep: 600\n");
  for (const char* verb : {"submit", "plan"}) {
    const CliResult result = Run({"job", verb, "-f", file});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.err, "penstock: " + file +
                              ":2: step: unknown field; did you mean "
                              "\"steps\"?\n");
  }
  EXPECT_TRUE(coordinator_.jobs.request_ids().empty());
}

TEST_F(CliTest, AJobThatCannotBePlacedExitsWith5) {
  coordinator_.jobs.refusal = {grpc::StatusCode::FAILED_PRECONDITION,
                               "needs 9 GiB on rank 0; 2 GiB are there"};
  const std::string file = JobFile("name: kjv");
  for (const char* verb : {"submit", "plan"}) {
    const CliResult result = Run({"job", verb, "-f", file});
    EXPECT_EQ(result.exit_code, 5);
    EXPECT_EQ(result.err, "penstock: needs 9 GiB on rank 0; 2 GiB are there\n");
  }
  EXPECT_EQ(Run({"job", "pause", "kjv"}).exit_code, 4);
}

TEST_F(CliTest, PlanMatchesGolden) {
  const CliResult result =
      Run({"job", "plan", "-f", JobFile("name: kjv\nsteps: 600\n")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectGolden("job_plan", result.out);
}

TEST_F(CliTest, JsonHasTheNamesOfTheProto) {
  const CliResult result = Run({"job", "get", "kjv", "-o", "json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const json job = json::parse(result.out, nullptr, false);
  EXPECT_EQ(job["state"], "JOB_STATE_RUNNING");
  EXPECT_EQ(job["plan"]["stages"][1]["unit_begin"], "5");
  EXPECT_EQ(job["submit_time"], "2026-01-31T11:57:55Z");
}

TEST_F(CliTest, ListGivesAllPages) {
  const CliResult lines = Run({"job", "list", "-o", "jsonl"});
  EXPECT_EQ(std::count(lines.out.begin(), lines.out.end(), '\n'), 2);
  const CliResult all = Run({"job", "list", "-o", "json"});
  EXPECT_EQ(json::parse(all.out, nullptr, false)["jobs"].size(), 2u);
}

TEST_F(CliTest, AnUnknownJobExitsWith3) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"job", "get", "kvj"},
        {"job", "cancel", "kvj"},
        {"job", "watch", "kvj"},
        {"job", "wait", "kvj"},
        {"job", "metrics", "kvj"}}) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const CliResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.err, "penstock: no job \"kvj\"\n");
  }
}

TEST_F(CliTest, ResumeSendsOnlyTheParallelismThatIsGiven) {
  EXPECT_EQ(Run({"job", "resume", "kjv", "--pipeline", "3"}).exit_code, 0);
  const v1::ResumeRequest resumed = coordinator_.jobs.resumed();
  EXPECT_EQ(resumed.parallelism().pipeline(), 3);
  EXPECT_FALSE(resumed.parallelism().has_data());
  EXPECT_FALSE(resumed.parallelism().has_schedule());
}

TEST_F(CliTest, MetricsHaveExactlyTheirSevenFields) {
  coordinator_.jobs.metrics = {SampleMetrics(1), SampleMetrics(2)};
  const CliResult lines = Run({"job", "metrics", "kjv", "-o", "jsonl"});
  EXPECT_EQ(lines.exit_code, 0) << lines.err;
  ExpectGolden("job_metrics_jsonl", lines.out);
  const CliResult all = Run({"job", "metrics", "kjv", "-o", "json"});
  EXPECT_EQ(json::parse(all.out, nullptr, false).size(), 2u);
}

TEST_F(CliTest, MetricsOfAJobWithoutStepsAreAnEmptyList) {
  EXPECT_EQ(Run({"job", "metrics", "kjv", "-o", "json"}).out, "[]\n");
}

TEST_F(CliTest, LogsArePrintedInOrder) {
  for (int i = 0; i < 2; ++i) {
    v1::LogLine line;
    line.mutable_time()->set_seconds(1769860800 + i);
    line.set_level("info");
    line.set_source("coordinator");
    line.set_text("line " + std::to_string(i));
    coordinator_.jobs.logs.push_back(line);
  }
  EXPECT_EQ(Run({"job", "logs", "kjv"}).out,
            "2026-01-31T12:00:00Z info coordinator: line 0\n"
            "2026-01-31T12:00:01Z info coordinator: line 1\n");
}

TEST_F(CliTest, WaitExitsByTheEndOfTheJob) {
  v1::Job& job = coordinator_.jobs.changes.back();
  job.set_reason("rank 1 failed: out of memory");
  job.set_state(v1::JOB_STATE_FAILED);
  const CliResult failed = Run({"job", "wait", "kjv"});
  EXPECT_EQ(failed.exit_code, 10);
  EXPECT_EQ(failed.out, "kjv: FAILED, rank 1 failed: out of memory\n");
  job.set_state(v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(Run({"job", "wait", "kjv"}).exit_code, 11);
  job.set_state(v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(Run({"job", "wait", "kjv"}).exit_code, 0);
}

TEST_F(CliTest, WaitExitsWith12WhenTheTimeIsOver) {
  const CliResult result = Run({"job", "wait", "kjv", "--timeout", "0.1"});
  EXPECT_EQ(result.exit_code, 12);
  EXPECT_EQ(result.err,
            "penstock: kjv is not finished after 100ms; it goes "
            "on\n");
  EXPECT_EQ(Run({"job", "wait", "kjv", "--timeout", "soon"}).exit_code, 2);
}

TEST_F(CliTest, TraceWritesAFileForPerfetto) {
  coordinator_.jobs.trace = SampleTrace();
  const std::string file = testing::TempDir() + "/trace.json";
  const CliResult result = Run({"job", "trace", "kjv", "-o", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto text = ReadFile(file);
  ASSERT_TRUE(text.ok());
  EXPECT_TRUE(json::accept(*text));
}

TEST_F(CliTest, DrainsWorkersByName) {
  coordinator_.workers.workers = SampleWorkers();
  EXPECT_EQ(Run({"worker", "drain", "worker-0"}).out,
            "worker-0: draining; gets no new jobs\n");
  EXPECT_EQ(Run({"worker", "drain", "worker-1", "--undo"}).out,
            "worker-1: accepts jobs\n");
  EXPECT_EQ(Run({"worker", "drain", "worker-9"}).exit_code, 3);
  ExpectGolden("worker_list", Run({"worker", "list"}).out);
}

TEST_F(CliTest, DoctorNamesWhatIsWrong) {
  coordinator_.workers.workers = SampleWorkers();
  const CliResult result = Run({"doctor"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.out.find("ok    coordinator at 127.0.0.1:"),
            std::string::npos);
  EXPECT_NE(result.out.find("wrong /nonexistent/penstock-worker: not there"),
            std::string::npos);
  EXPECT_NE(result.out.find("wrong worker-2: gone, last seen 61 s ago"),
            std::string::npos);
}

TEST_F(CliTest, CompletionKnowsEveryCommand) {
  const CliResult result = RunForTest({"completion", "bash"});
  EXPECT_EQ(result.exit_code, 0);
  ExpectGolden("completion_bash", result.out);
}

}  // namespace
}  // namespace penstock
