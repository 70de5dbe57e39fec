#include "worker/runtime/recent_metrics.h"

#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

std::vector<StepMetrics> Steps(int64_t first, int64_t last) {
  std::vector<StepMetrics> steps;
  for (int64_t step = first; step <= last; ++step) {
    steps.push_back({.step = step, .loss = 1.0 / static_cast<double>(step)});
  }
  return steps;
}

TEST(RecentMetricsTest, KeepsTheLastSteps) {
  RecentMetrics recent(4);
  EXPECT_TRUE(recent.UpTo(100).empty());
  for (const StepMetrics& step : Steps(1, 3)) recent.Add(step);
  EXPECT_EQ(recent.UpTo(100), Steps(1, 3));
  for (const StepMetrics& step : Steps(4, 6)) recent.Add(step);
  EXPECT_EQ(recent.UpTo(100), Steps(3, 6));
}

TEST(RecentMetricsTest, GivesACheckpointNoStepThatIsNotInIt) {
  RecentMetrics recent(4);
  for (const StepMetrics& step : Steps(1, 6)) recent.Add(step);
  EXPECT_EQ(recent.UpTo(5), Steps(3, 5));
  EXPECT_EQ(recent.UpTo(3), Steps(3, 3));
  EXPECT_TRUE(recent.UpTo(2).empty());
}

}  // namespace
}  // namespace penstock
