#include "coordinator/cli/schedule_svg.h"

#include <string>
#include <vector>

#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/lower.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::HasSubstr;

ScheduleCosts UnitCosts(const Schedule& schedule) {
  const size_t stages = schedule.rank_of_stage.size();
  return {
      .stages = std::vector<StageTimes>(
          stages, {.forward = 1, .input_gradient = 1, .weight_gradient = 1}),
      .hops = std::vector<Hop>(stages - 1)};
}

std::string Draw(const Schedule& schedule) {
  const Simulation simulation =
      Simulate(schedule, UnitCosts(schedule), {.record_actions = true}).value();
  return DrawSchedule(schedule, simulation, "a & b", "µs").value();
}

Schedule Made(const std::string& name, int ranks, int microbatches) {
  return Generate(name, {.ranks = ranks, .microbatches = microbatches}).value();
}

int CountOf(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(ScheduleSvgTest, DrawsABoxPerActionToScale) {
  const std::string drawing = Draw(Made("1f1b", 2, 3));
  // Three per rank, and one in the legend.
  EXPECT_EQ(CountOf(drawing, "<rect class=\"kF0\""), 7);
  EXPECT_EQ(CountOf(drawing, "<rect class=\"kB0\""), 7);
  // 12 units are 880 pixels from 64 on: the last B of rank 0 is from 10 to 12.
  EXPECT_THAT(drawing,
              HasSubstr("<rect class=\"kB0\" x=\"797.33\" y=\"53\" "
                        "width=\"146.67\" height=\"24\"><title>0B2: 10 to 12 "
                        "µs</title></rect>"));
  EXPECT_THAT(drawing, HasSubstr("a &amp; b: 2 ranks, 2 stages, "
                                 "3 micro-batches"));
  EXPECT_THAT(drawing, HasSubstr("makespan 12 µs, bubble 25.0 % (of the "
                                 "longest span 25.0 %), peak activations 2 1"));
}

TEST(ScheduleSvgTest, EveryElementEnds) {
  const std::string drawing = Draw(Lower(Made("1f1b", 2, 3), {}).value());
  EXPECT_EQ(CountOf(drawing, "<rect"), CountOf(drawing, "</rect>") +
                                           CountOf(drawing, "\"/>") -
                                           CountOf(drawing, "<line"));
  EXPECT_EQ(CountOf(drawing, "<text"), CountOf(drawing, "</text>"));
  EXPECT_EQ(CountOf(drawing, "<title>"), CountOf(drawing, "</title>"));
  EXPECT_TRUE(drawing.ends_with("</svg>\n"));
}

TEST(ScheduleSvgTest, LaterStagesArePalerAndPairsShareARow) {
  Schedule schedule;
  schedule.microbatches = 2;
  schedule.rank_of_stage = {0, 0};
  schedule.programs = {
      ParseProgram("0F0 1F0 (0F1;1B0)OVERLAP_F_B 1F1 1B1 0B0 0B1").value()};
  const std::string drawing = Draw(schedule);
  EXPECT_EQ(CountOf(drawing, "<rect class=\"kB1\""), 3);  // And the legend's.
  EXPECT_EQ(CountOf(drawing, "height=\"12\""), 2);
}

TEST(ScheduleSvgTest, LeavesOutLabelsThatDoNotFit) {
  EXPECT_EQ(CountOf(Draw(Made("gpipe", 2, 20)), ">19</text>"), 4);
  EXPECT_EQ(CountOf(Draw(Made("gpipe", 2, 400)), ">399</text>"), 0);
}

TEST(ScheduleSvgTest, IsBounded) {
  const Schedule schedule = Made("naive", 1, 60'000);
  const Simulation simulation =
      Simulate(schedule, UnitCosts(schedule), {.record_actions = true}).value();
  EXPECT_THAT(
      std::string(
          DrawSchedule(schedule, simulation, "", "").status().message()),
      HasSubstr("a drawing of 120000 actions"));
}

}  // namespace
}  // namespace penstock
