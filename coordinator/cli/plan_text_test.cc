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

TEST(PlanTextTest, SaysInWhatIsComputed) {
  v1::Job job = SampleJob();
  job.mutable_spec()->set_precision("bf16");
  EXPECT_NE(PlanText(job, 100).find(" per step, bf16\n"), std::string::npos)
      << PlanText(job, 100);
}

TEST(PlanTextTest, SaysHowTensorsTravelAndWhy) {
  v1::Job job = SampleJob();
  v1::LinkPlan& nccl = *job.mutable_plan()->add_links();
  nccl.set_link("nccl");
  nccl.set_reason("CUDA devices with NCCL 2.28.9");
  nccl.add_senders(0);
  nccl.add_receivers(1);
  const std::string one = PlanText(job, 100);
  EXPECT_NE(one.find("LINK  WAYS  REASON\n"
                     "nccl  0>1   CUDA devices with NCCL 2.28.9\n"),
            std::string::npos)
      << one;
  job.mutable_plan()->set_replicas(2);
  v1::LinkPlan& grpc = *job.mutable_plan()->add_links();
  grpc.set_link("grpc");
  grpc.set_reason("cpu and cuda devices");
  grpc.add_senders(3);
  grpc.add_receivers(2);
  grpc.add_summing_ranks(0);
  grpc.add_summing_ranks(1);
  const std::string two = PlanText(job, 100);
  EXPECT_NE(
      two.find("nccl  0:0>0:1                     CUDA devices with "
               "NCCL 2.28.9\n"
               "grpc  1:1>1:0, sums of ranks 0 1  cpu and cuda devices\n"),
      std::string::npos)
      << two;
}

TEST(PlanTextTest, SaysThatThereIsNoPlanYet) {
  EXPECT_EQ(PlanText({}, 100), "No plan yet.\n");
}

}  // namespace
}  // namespace penstock
