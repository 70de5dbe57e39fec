#include "coordinator/cli/explain_command.h"

#include <string>
#include <vector>

#include "coordinator/cli/fake_jobs.h"
#include "coordinator/cli/golden.h"
#include "coordinator/planner/planner.h"
#include "coordinator/planner/synthetic_traces.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
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
  EXPECT_NEAR(json["measured"]["stages"][1]["hop_seconds"], 3.5e-3, 1e-4);
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
