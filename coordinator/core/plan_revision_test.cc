#include "coordinator/core/plan_revision.h"

#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr PlanRevisions::Options kOptions{
    .first_after_steps = 5, .attempts_max = 2, .steps_left_min = 10};

Plan AutoPlan() {
  Plan plan;
  plan.spec.parallelism.pipeline = 2;
  plan.spec.parallelism.schedule = "auto";
  plan.spec.steps = 100;
  plan.stages = {{.unit_begin = 0, .unit_end = 2, .rank = 0},
                 {.unit_begin = 2, .unit_end = 3, .rank = 1}};
  plan.ranks.resize(2);
  plan.ranks[0].memory.weights = 100;
  return plan;
}

TEST(PlanRevisionsTest, AreDueAfterMoreAndMoreStepsAndNotWithoutEnd) {
  Plan plan = AutoPlan();
  PlanRevisions revisions;
  EXPECT_FALSE(revisions.IsDue(kOptions, plan, 50));
  revisions.NoteInForce(0, 10);
  revisions.NoteInForce(0, 12);
  EXPECT_FALSE(revisions.IsDue(kOptions, plan, 14));
  EXPECT_TRUE(revisions.IsDue(kOptions, plan, 15));
  revisions.NoteAttempt(16);
  EXPECT_FALSE(revisions.IsDue(kOptions, plan, 25));
  EXPECT_TRUE(revisions.IsDue(kOptions, plan, 26));
  // Until all ranks have turned to it, a new one is not followed by another.
  plan.revision = 1;
  EXPECT_FALSE(revisions.IsDue(kOptions, plan, 90));
  revisions.NoteInForce(1, 20);
  EXPECT_FALSE(revisions.IsDue(kOptions, plan, 29));
  EXPECT_TRUE(revisions.IsDue(kOptions, plan, 30));
  revisions.NoteAttempt(30);
  EXPECT_FALSE(revisions.IsDue(kOptions, plan, 80));
}

TEST(PlanRevisionsTest, AreNotForJobsThatNameTheirScheduleOrEnd) {
  Plan plan = AutoPlan();
  PlanRevisions revisions;
  revisions.NoteInForce(0, 0);
  EXPECT_TRUE(revisions.IsDue(kOptions, plan, 90));
  EXPECT_FALSE(revisions.IsDue(kOptions, plan, 91));
  plan.spec.parallelism.optimistic_update = true;
  EXPECT_FALSE(revisions.IsDue(kOptions, plan, 50));
  plan.spec.parallelism.optimistic_update = false;
  plan.spec.parallelism.schedule = "1f1b";
  EXPECT_FALSE(revisions.IsDue(kOptions, plan, 50));
}

TEST(PlanRevisionsTest, StepsCountFromTheFirstByThePlanInForce) {
  PlanRevisions revisions;
  revisions.NoteInForce(0, 10);
  revisions.NoteAttempt(16);
  EXPECT_EQ(revisions.in_force_after(), 10);
  revisions.NoteInForce(1, 18);
  revisions.NoteInForce(1, 30);
  EXPECT_EQ(revisions.in_force_after(), 18);
}

TEST(PlanRevisionsTest, TheNewestRecordsAreKept) {
  std::vector<RevisionRecord> records;
  for (int64_t step = 1; step <= 40; ++step) {
    AddRevision({.step = step}, records);
  }
  EXPECT_EQ(records.size(), 32);
  EXPECT_EQ(records.front().step, 9);
  EXPECT_EQ(records.back().step, 40);
}

TEST(PlanRevisionsTest, ARevisedPlanHasTheSameStagesAndFits) {
  const DueRevision due{.plan = std::make_shared<const Plan>(AutoPlan()),
                        .memory_bytes = {100, 50}};
  const auto check = [&](auto change) {
    Plan revised = AutoPlan();
    revised.revision = 1;
    change(revised);
    return std::string(CheckRevisedPlan(due, revised).message());
  };
  EXPECT_EQ(check([](Plan& p) { p.stages[0].forward = absl::Seconds(1); }), "");
  EXPECT_EQ(check([](Plan& p) { p.revision = 2; }),
            "revision 2 of a plan follows 0");
  EXPECT_EQ(check([](Plan& p) { p.stages[0].rank = 1; }),
            "a revised plan must have the stages of the plan in force");
  EXPECT_EQ(check([](Plan& p) { p.ranks[1].memory.buffers = 51; }),
            "rank 1 of the revised plan needs 51 bytes; its device has 50");
}

TEST(PlanRevisionsTest, ARecoveryKeepsWhatWasMeasured) {
  Plan latest = AutoPlan();
  latest.revision = 2;
  latest.schedule = "gpipe";
  latest.step_time = absl::Seconds(3);
  latest.ranks[0].program = {{.stage = 0}};
  Plan made = AutoPlan();
  made.start.step = 40;
  const Plan kept = KeepRevision(made, &latest);
  EXPECT_EQ(kept.revision, 2);
  EXPECT_EQ(kept.schedule, "gpipe");
  EXPECT_EQ(kept.ranks[0].program, latest.ranks[0].program);
  EXPECT_EQ(kept.step_time, latest.step_time);
  EXPECT_EQ(kept.start.step, 40);

  EXPECT_EQ(KeepRevision(made, nullptr).revision, 0);
  Plan elsewhere = made;
  elsewhere.stages[0].unit_end = elsewhere.stages[1].unit_begin = 1;
  EXPECT_EQ(KeepRevision(elsewhere, &latest).revision, 0);
  Plan other = made;
  other.spec.parallelism.schedule = "1f1b";
  EXPECT_EQ(KeepRevision(other, &latest).revision, 0);
}

}  // namespace
}  // namespace penstock
