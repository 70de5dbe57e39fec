#include "coordinator/planner/revision_obstacle.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::HasSubstr;

Plan AutoPlan() {
  Plan plan;
  plan.spec.parallelism.pipeline = 2;
  plan.spec.parallelism.schedule = "auto";
  plan.ranks.resize(2);
  return plan;
}

TEST(RevisionObstacleTest, NothingIsInTheWayOfASynchronousAutoJob) {
  EXPECT_EQ(RevisionObstacle(AutoPlan()), "");
}

TEST(RevisionObstacleTest, NamesWhatIsInTheWay) {
  Plan named = AutoPlan();
  named.spec.parallelism.schedule = "1f1b";
  EXPECT_THAT(RevisionObstacle(named), HasSubstr("names its schedule"));
  Plan alone = AutoPlan();
  alone.ranks.resize(1);
  EXPECT_THAT(RevisionObstacle(alone), HasSubstr("one rank"));
  Plan optimistic = AutoPlan();
  optimistic.spec.parallelism.optimistic_update = true;
  EXPECT_THAT(RevisionObstacle(optimistic), HasSubstr("optimistic_update"));
  Plan versions = AutoPlan();
  versions.ranks[1].program = {{.kind = ActionKind::kUpdate}};
  EXPECT_THAT(RevisionObstacle(versions), HasSubstr("weight versions"));
  Plan pieces = AutoPlan();
  pieces.pieces = 2;
  EXPECT_THAT(RevisionObstacle(pieces), HasSubstr("pieces"));
}

}  // namespace
}  // namespace penstock
