#include "coordinator/cli/svg.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::HasSubstr;

TEST(SvgTest, EscapesWhatXmlGivesAMeaning) {
  EXPECT_EQ(EscapeXml("a<b & \"c\">\x01é"), "a&lt;b &amp; &quot;c&quot;&gt; é");
}

TEST(SvgTest, DrawsElementsInOrder) {
  SvgDrawing drawing(100, 50.5, ".b > c { fill: red }");
  drawing.Box({.x = 1, .y = 2.004, .width = 1.0 / 3, .height = 4}, "b", "<x>");
  drawing.Line(0, 0, 5, 5, "l");
  drawing.Circle(1, 1, 2, "c");
  drawing.Text(3, 4, SvgDrawing::Anchor::kEnd, "t", "1 & 2");
  EXPECT_EQ(drawing.ToString(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" "
            "height=\"50.5\" viewBox=\"0 0 100 50.5\">\n"
            "<style>text { font-family: sans-serif } .b &gt; c { fill: red }"
            "</style>\n"
            "<rect width=\"100\" height=\"50.5\" fill=\"#ffffff\"/>\n"
            "<rect class=\"b\" x=\"1\" y=\"2\" width=\"0.33\" height=\"4\">"
            "<title>&lt;x&gt;</title></rect>\n"
            "<line class=\"l\" x1=\"0\" y1=\"0\" x2=\"5\" y2=\"5\"/>\n"
            "<circle class=\"c\" cx=\"1\" cy=\"1\" r=\"2\"/>\n"
            "<text class=\"t\" x=\"3\" y=\"4\" text-anchor=\"end\">1 &amp; 2"
            "</text>\n"
            "</svg>\n");
}

TEST(SvgTest, LargeLengthsHaveNoExponent) {
  SvgDrawing drawing(12345.678, 1, "");
  EXPECT_THAT(drawing.ToString(), HasSubstr("width=\"12345.68\""));
}

TEST(SvgTest, AxisStepsAreRound) {
  EXPECT_DOUBLE_EQ(AxisStep(33, 10), 5);
  EXPECT_DOUBLE_EQ(AxisStep(100, 10), 10);
  EXPECT_DOUBLE_EQ(AxisStep(101, 10), 20);
  EXPECT_DOUBLE_EQ(AxisStep(0.3, 3), 0.1);
  EXPECT_DOUBLE_EQ(AxisStep(7, 1), 10);
  EXPECT_DOUBLE_EQ(AxisStep(1e6, 8), 2e5);
}

}  // namespace
}  // namespace penstock
