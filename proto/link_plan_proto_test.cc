#include "proto/link_plan_proto.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

Plan TwoByTwo() {
  Plan plan;
  plan.spec.parallelism = {.pipeline = 2, .data = 2};
  return plan;
}

TEST(LinkPlanProtoTest, SurvivesTheRoundTrip) {
  Plan plan = TwoByTwo();
  plan.links = {{.nccl = true,
                 .reason = "CUDA devices with NCCL 2.28.9",
                 .communicators = {{.members = {0, 1}},
                                   {.members = {3, 2}},
                                   {.group = true, .members = {0, 2}}}},
                {.reason = "cpu and cuda devices",
                 .communicators = {{.group = true, .members = {1, 3}}}}};
  v1::Plan message;
  LinksToProto(plan, message);
  Plan copy = TwoByTwo();
  ASSERT_TRUE(LinksFromProto(message, copy).ok());
  EXPECT_EQ(copy.links, plan.links);
}

TEST(LinkPlanProtoTest, RefusesWhatThePlanHasNot) {
  const auto refused = [](auto damage) {
    v1::Plan message;
    v1::LinkPlan& link = *message.add_links();
    link.set_link("nccl");
    link.add_senders(0);
    link.add_receivers(1);
    link.add_summing_ranks(1);
    damage(link);
    Plan plan = TwoByTwo();
    return LinksFromProto(message, plan);
  };
  EXPECT_TRUE(refused([](v1::LinkPlan&) {}).ok());
  for (const absl::Status& status :
       {refused([](v1::LinkPlan& l) { l.set_link("tcp"); }),
        refused([](v1::LinkPlan& l) { l.add_senders(1); }),
        refused([](v1::LinkPlan& l) { l.set_senders(0, 4); }),
        refused([](v1::LinkPlan& l) { l.set_receivers(0, -1); }),
        refused([](v1::LinkPlan& l) { l.set_receivers(0, 0); }),
        refused([](v1::LinkPlan& l) { l.add_summing_ranks(2); })}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(std::string(status.message()).starts_with("plan.links[0]."))
        << status;
  }
}

}  // namespace
}  // namespace penstock
