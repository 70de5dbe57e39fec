#include "coordinator/cli/explain_command.h"

#include <string>
#include <vector>

#include "coordinator/cli/fake_jobs.h"
#include "coordinator/cli/golden.h"
#include "coordinator/planner/planner.h"
#include "coordinator/planner/synthetic_traces.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/architecture_proto.h"
#include "proto/job_spec_proto.h"
#include "proto/plan_proto.h"

namespace penstock {
namespace {

// A job whose hops take ten times what its plan says, traced for 8 steps.
v1::GetTraceResponse Traced(int steps) {
  const Plan plan = SleepingPlan(3, 4, "1f1b");
  ScheduleCosts costs = PlanCosts(plan);
  for (Hop& hop : costs.hops) hop.latency *= 10;
  v1::GetTraceResponse response;
  *response.mutable_job()->mutable_spec() = JobSpecToProto(plan.spec);
  *response.mutable_job()->mutable_plan() = PlanToProto(plan);
  for (const StepTrace& trace :
       MakeTraces(plan, {.costs = costs, .steps = steps})) {
    *response.add_traces() = StepTraceToProto(trace);
  }
  return response;
}

class ExplainCommandTest : public testing::Test {
 protected:
  CliResult Explain(const std::string& format) {
    return RunForTest({"job", "explain", "sleeper", "-o", format, "--address",
                       coordinator_.server->address()});
  }

  FakeCoordinator coordinator_;
};

TEST_F(ExplainCommandTest, ShowsPlannedAndMeasuredSideBySide) {
  coordinator_.jobs.trace = Traced(8);
  const CliResult text = Explain("table");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  ExpectGolden("job_explain", text.out);
  const CliResult machine = Explain("json");
  EXPECT_EQ(machine.exit_code, 0) << machine.err;
  const auto json = nlohmann::json::parse(machine.out);
  EXPECT_EQ(json["steps_measured"], 7);
  EXPECT_EQ(json["measured"]["ranks"].size(), 3);
  EXPECT_GT(json["measured"]["ranks"][0]["latency"],
            json["planned"]["ranks"][0]["latency"]);
  EXPECT_NEAR(json["measured"]["stages"][1]["hop_latency_seconds"], 3.5e-3,
              1e-4);
  EXPECT_EQ(json["hop_occupancy_measured"], nlohmann::json({false, false}));
  EXPECT_NE(json["revision_obstacle"], "");
}

TEST_F(ExplainCommandTest, TellsHowThePlanCameToBeWhatItIs) {
  coordinator_.jobs.trace = Traced(8);
  v1::Job& job = *coordinator_.jobs.trace.mutable_job();
  job.mutable_spec()->mutable_parallelism()->set_schedule("auto");
  const std::string before = Explain("table").out;
  EXPECT_NE(before.find("not been made again"), std::string::npos) << before;
  job.mutable_plan()->set_revision(1);
  for (v1::StepTrace& trace : *coordinator_.jobs.trace.mutable_traces()) {
    trace.set_revision(1);
  }
  v1::PlanRevision& turned = *job.add_revisions();
  turned.set_epoch(1);
  turned.set_revision(1);
  turned.set_step(5);
  turned.set_schedule_before("gpipe");
  turned.set_schedule("1f1b");
  turned.set_reason("a step took 80 ms: 1f1b saves 20 %");
  turned.set_measured_seconds(0.08);
  turned.set_predicted_seconds(0.064);
  v1::PlanRevision& kept = *job.add_revisions();
  kept = turned;
  kept.set_step(16);
  kept.set_schedule_before("1f1b");
  kept.set_reason("a step took 64.2 ms: zb-h1 would save only 0.5 %");
  kept.set_measured_seconds(0.0642);
  const CliResult text = Explain("table");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  ExpectGolden("job_explain_revised", text.out);
  const auto json = nlohmann::json::parse(Explain("json").out);
  EXPECT_EQ(json["revision"], 1);
  EXPECT_EQ(json["revisions"][0]["schedule_before"], "gpipe");
  EXPECT_EQ(json["revisions"][1]["step"], 16);
  EXPECT_EQ(json["revision_obstacle"], "");
}

TEST_F(ExplainCommandTest, KnowsTheModelOfAJobThatReadsIt) {
  const Gpt2Config config = {.layers = 2,
                             .hidden = 16,
                             .heads = 2,
                             .sequence_length = 8,
                             .vocabulary = 256};
  JobSpec spec;
  spec.name = "sleeper";
  spec.model = {.architecture = config, .init_from = "/models/gpt2"};
  spec.data.tokens = "/data/kjv.bin";
  spec.parallelism = {.pipeline = 2, .schedule = "1f1b"};
  spec.steps = 10;
  const auto plan = MakePlan(
      spec, {2, {.memory_bytes = int64_t{1} << 32, .flops_per_second = 1e11}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  v1::Job& job = *coordinator_.jobs.trace.mutable_job();
  *job.mutable_spec() = JobSpecToProto(spec);
  *job.mutable_plan() = PlanToProto(*plan);
  *job.mutable_architecture() = Gpt2ConfigToProto(config);
  const CliResult text = Explain("table");
  EXPECT_EQ(text.exit_code, 0) << text.err;
}

TEST_F(ExplainCommandTest, BeforeTheFirstStepThereIsThePlan) {
  coordinator_.jobs.trace = Traced(0);
  const CliResult text = Explain("table");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_NE(text.out.find("not measured yet"), std::string::npos) << text.out;
}

TEST_F(ExplainCommandTest, AJobWithoutAPlanSaysWhy) {
  coordinator_.jobs.trace.mutable_job()->set_reason("waits for devices");
  const CliResult text = Explain("table");
  EXPECT_NE(text.exit_code, 0);
  EXPECT_NE(text.err.find("waits for devices"), std::string::npos) << text.err;
}

}  // namespace
}  // namespace penstock
