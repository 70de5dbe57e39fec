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

TEST(PlanTextTest, SaysHowManyStagesARankHasAndWhyTheSchedule) {
  v1::Job job = SampleJob();
  v1::Plan& plan = *job.mutable_plan();
  *plan.add_stages() = plan.stages(1);
  *plan.add_stages() = plan.stages(0);
  plan.set_schedule("zbv");
  plan.set_schedule_reason("the fastest of 3 that fit");
  const std::string v = PlanText(job, 100);
  EXPECT_EQ(v.find("Plan of kjv: 2 ranks of 2 stages x 1 replica, schedule "
                   "zbv, "),
            0)
      << v;
  EXPECT_NE(v.find("\nChosen: the fastest of 3 that fit\n"), std::string::npos)
      << v;
  plan.set_copies(2);
  const std::string both = PlanText(job, 100);
  EXPECT_EQ(both.find("Plan of kjv: 2 ranks of 2 stages, both directions, x "),
            0)
      << both;
}

TEST(PlanTextTest, SaysThatThereIsNoPlanYet) {
  EXPECT_EQ(PlanText({}, 100), "No plan yet.\n");
}

}  // namespace
}  // namespace penstock
