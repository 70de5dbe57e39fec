#include "coordinator/cli/chart_svg.h"

#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::HasSubstr;

int CountOf(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(ChartSvgTest, DrawsPointsToScale) {
  const std::string drawing =
      DrawCharts("h & i",
                 {{.title = "Rate",
                   .x_label = "size",
                   .y_label = "tokens/s",
                   .lines = {{.name = "a", .points = {{1, 0}, {8, 100}}}}}},
                 1);
  EXPECT_THAT(drawing, HasSubstr(">h &amp; i</text>"));
  // The plot reaches from 66 to 382 and from y 280 up to 82; the values of x
  // are at a quarter and three quarters of it.
  EXPECT_THAT(drawing, HasSubstr("<circle class=\"p0\" cx=\"145\" cy=\"280\""));
  EXPECT_THAT(drawing, HasSubstr("<circle class=\"p0\" cx=\"303\" cy=\"82\" "
                                 "r=\"3\"><title>a: 8, 100</title></circle>"));
  EXPECT_THAT(drawing, HasSubstr("<line class=\"s0\" x1=\"145\" y1=\"280\" "
                                 "x2=\"303\" y2=\"82\"/>"));
}

TEST(ChartSvgTest, LinesOfOneNameHaveOneColorInAllCharts) {
  const ChartLine a = {.name = "a", .points = {{1, 1}, {2, 2}}};
  const ChartLine b = {.name = "b", .points = {{1, 3}, {2, 1}}};
  const ChartLine predicted = {
      .name = "b", .points = {{1, 2}, {2, 2}}, .dashed = true};
  const std::string drawing =
      DrawCharts("", {{.lines = {a, b}}, {.lines = {b, predicted}}}, 2);
  EXPECT_EQ(CountOf(drawing, "class=\"s0\""), 2);  // And the legend's.
  EXPECT_EQ(CountOf(drawing, "class=\"s1\""), 3);
  EXPECT_EQ(CountOf(drawing, "class=\"d1\""), 1);
  EXPECT_EQ(CountOf(drawing, ">b</text>"), 1);
}

TEST(ChartSvgTest, LeavesOutWhatIsNoAmount) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string drawing = DrawCharts(
      "", {{.lines = {{.name = "a", .points = {{1, nan}, {2, -1}, {4, 5}}}}}},
      1);
  EXPECT_EQ(CountOf(drawing, "<circle"), 2);  // And the legend's.
  EXPECT_EQ(CountOf(drawing, "nan"), 0);
}

TEST(ChartSvgTest, NothingIsADrawingToo) {
  EXPECT_TRUE(DrawCharts("", {}, 3).ends_with("</svg>\n"));
  EXPECT_TRUE(DrawCharts("", {{.title = "empty"}}, 3).ends_with("</svg>\n"));
}

}  // namespace
}  // namespace penstock
