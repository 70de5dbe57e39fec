#include "coordinator/cli/watch_view.h"

#include <algorithm>
#include <string>

#include "coordinator/cli/golden.h"
#include "coordinator/cli/sample_job.h"
#include "coordinator/cli/table.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

WatchState Sample() {
  return {.job = SampleJob(),
          .metrics = SampleMetrics(180),
          .trace = SampleTrace()};
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(WatchViewTest, BlockMatchesGolden) {
  ExpectGolden("job_watch", Joined(WatchLines(Sample(), 100, false)));
}

// A line that wraps would be drawn twice.
TEST(WatchViewTest, NoLineIsWiderThanTheTerminal) {
  WatchState state = Sample();
  state.connected = false;
  for (int width = 20; width <= 200; ++width) {
    for (const std::string& line : WatchLines(state, width, false)) {
      EXPECT_LE(ColumnsOf(line), width) << line;
    }
  }
}

TEST(WatchViewTest, ColoursOnlyWhenAsked) {
  EXPECT_EQ(Joined(WatchLines(Sample(), 80, false)).find('\x1b'),
            std::string::npos);
  EXPECT_NE(Joined(WatchLines(Sample(), 80, true)).find("\x1b[34mF"),
            std::string::npos);
}

TEST(WatchViewTest, SaysThatTheCoordinatorIsGone) {
  WatchState state = Sample();
  state.connected = false;
  EXPECT_EQ(WatchLines(state, 80, false).back(),
            "no answer from the coordinator; trying again");
}

TEST(WatchViewTest, TimeLeftIsStepsLeftAtThePresentPace) {
  EXPECT_EQ(TimeLeft(SampleJob(), SampleMetrics(590)),
            absl::Seconds(0.1104) * 10);
  EXPECT_EQ(TimeLeft(SampleJob(), SampleMetrics(601)), absl::ZeroDuration());
}

}  // namespace
}  // namespace penstock
