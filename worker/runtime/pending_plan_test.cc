#include "worker/runtime/pending_plan.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

std::shared_ptr<const Plan> Revision(uint64_t revision) {
  Plan plan;
  plan.revision = revision;
  return std::make_shared<const Plan>(std::move(plan));
}

TEST(PendingPlanTest, GivesOutWhatWasOffered) {
  PendingPlan pending(3);
  EXPECT_EQ(pending.held(), 3);
  pending.Offer(Revision(3));
  pending.Offer(Revision(4));
  pending.Offer(Revision(5));
  pending.Offer(Revision(4));
  EXPECT_EQ(pending.held(), 5);
  EXPECT_EQ((*pending.Take(4))->revision, 4);
  EXPECT_EQ((*pending.Take(5))->revision, 5);
  EXPECT_EQ(pending.held(), 5);
}

TEST(PendingPlanTest, ARevisionThatWasNotOfferedIsInternal) {
  PendingPlan pending(0);
  pending.Offer(Revision(2));
  EXPECT_TRUE(absl::IsInternal(pending.Take(1).status()));
  EXPECT_TRUE(pending.Take(2).ok());
  EXPECT_TRUE(absl::IsInternal(pending.Take(2).status()));
}

Plan TwoStages() {
  Plan plan;
  plan.stages = {{.unit_begin = 0, .unit_end = 2, .rank = 0},
                 {.unit_begin = 2, .unit_end = 3, .rank = 1}};
  plan.ranks = {{.buffers = {{.stage = 0, .activations = 1}}},
                {.buffers = {{.stage = 1, .activations = 1}}}};
  return plan;
}

TEST(PendingPlanTest, OnlyProgramsBuffersAndForecastsMayDiffer) {
  const Plan current = TwoStages();
  Plan next = current;
  next.revision = 1;
  next.ranks[0].program = {{.stage = 0}};
  next.ranks[0].buffers[0].activations = 7;
  next.stages[0].forward = absl::Seconds(1);
  EXPECT_TRUE(CheckRevision(current, next).ok());

  const auto code = [&](auto damage) {
    Plan other = current;
    damage(other);
    return CheckRevision(current, other).code();
  };
  constexpr auto kRefused = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code([](Plan& p) { p.stages[0].unit_end = 1; }), kRefused);
  EXPECT_EQ(code([](Plan& p) { p.stages[1].rank = 0; }), kRefused);
  EXPECT_EQ(code([](Plan& p) { p.stages.pop_back(); }), kRefused);
  EXPECT_EQ(code([](Plan& p) { p.ranks.pop_back(); }), kRefused);
  EXPECT_EQ(code([](Plan& p) { p.ranks[1].buffers.clear(); }), kRefused);
  EXPECT_EQ(code([](Plan& p) { p.spec.batch.micro_batches = 9; }), kRefused);
  EXPECT_EQ(code([](Plan& p) { p.copies = 2; }), kRefused);
}

}  // namespace
}  // namespace penstock
