#include "coordinator/cli/plan_text.h"

#include "coordinator/cli/golden.h"
#include "coordinator/cli/sample_job.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(PlanTextTest, MatchesGolden) {
  ExpectGolden("job_plan", PlanText(SampleJob(), 100));
}

TEST(PlanTextTest, EveryUnitOfASimModelIsALayer) {
  v1::Job job = SampleJob();
  job.mutable_spec()->mutable_model()->mutable_sim()->set_layers(10);
  EXPECT_NE(PlanText(job, 100).find("0     0       5  "), std::string::npos)
      << PlanText(job, 100);
}

TEST(PlanTextTest, SaysThatThereIsNoPlanYet) {
  EXPECT_EQ(PlanText({}, 100), "No plan yet.\n");
}

}  // namespace
}  // namespace penstock
