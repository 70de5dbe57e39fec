// The unit-cost table of small schedules (F = I = W = 1, hops free), from an
// independent simulator: makespan and longest span in half units, peak
// activations in stages.

#include <algorithm>

#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/unit_times.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

struct Row {
  const char* schedule;
  ScheduleRequest request;
  double makespan;  // In F of a rank's whole share of the layers.
  double span;
  std::vector<int> peaks;  // One for all ranks, or per rank.
};

std::vector<int> Falling(int first, int step, int last) {
  std::vector<int> values;
  for (int value = first; value >= last; value -= step) values.push_back(value);
  return values;
}

void ExpectRow(const Row& row) {
  SCOPED_TRACE(std::string(row.schedule) + " " +
               std::to_string(row.request.ranks) + "x" +
               std::to_string(row.request.microbatches));
  const auto schedule = Generate(row.schedule, row.request);
  ASSERT_TRUE(schedule.ok()) << schedule.status();
  const TimesInUnits times = ExecuteInUnits(*schedule);
  ASSERT_EQ(times.error, "");
  const double scale =
      schedule->stages_per_copy() / static_cast<double>(schedule->ranks());
  EXPECT_EQ(times.makespan, row.makespan * scale);
  EXPECT_EQ(times.span, row.span * scale);
  if (row.peaks.size() > 1) {
    EXPECT_EQ(times.peaks, row.peaks);
  } else {
    EXPECT_EQ(*std::max_element(times.peaks.begin(), times.peaks.end()),
              row.peaks[0]);
  }
}

TEST(TableTest, FourRanksAndEightMicrobatches) {
  for (const Row& row : {
           Row{"naive", {4, 8}, 96, 96, {1}},
           Row{"gpipe", {4, 8}, 33, 33, {8}},
           Row{"gpipe-lifo", {4, 8}, 33, 33, {8}},
           Row{"1f1b", {4, 8}, 33, 33, Falling(4, 1, 1)},
           Row{"1f1b-slack", {4, 8, 0, 0, 2}, 33, 33, Falling(7, 2, 1)},
           Row{"interleaved-1f1b", {4, 8}, 28.5, 28.5, Falling(11, 2, 5)},
           Row{"looped-bfs", {4, 8}, 28.5, 28.5, {16}},
           Row{"zb-h1", {4, 8}, 27, 27, {4, 4, 4, 4}},
           Row{"zb-h2", {4, 8}, 27, 24, {7, 7, 7, 7}},
           Row{"interleaved-zb", {4, 8}, 25.5, 25.5, {8, 8, 8, 8}},
           Row{"zbv", {4, 8}, 25.5, 24, {8, 8, 8, 8}},
           Row{"v-1f1b", {4, 8}, 31.5, 31.5, {6, 6, 6, 6}},
           Row{"v-half", {4, 8}, 26.5, 26.5, {6}},
           Row{"v-min", {4, 8}, 29.5, 29.5, {4}},
           Row{"hanayo", {4, 8}, 31.5, 31.5, {6, 6, 6, 6}},
           Row{"dualpipe", {4, 8}, 26, 26, {5, 5, 5, 5}},
           Row{"dualpipev", {4, 8}, 27, 27, {9, 9, 9, 9}},
       }) {
    ExpectRow(row);
  }
}

TEST(TableTest, EightRanksAndSixteenMicrobatches) {
  for (const Row& row : {
           Row{"naive", {8, 16}, 384, 384, {1}},
           Row{"gpipe", {8, 16}, 69, 69, {16}},
           Row{"gpipe-lifo", {8, 16}, 69, 69, {16}},
           Row{"1f1b", {8, 16}, 69, 69, Falling(8, 1, 1)},
           Row{"1f1b-slack", {8, 16, 0, 0, 2}, 69, 69, Falling(15, 2, 1)},
           Row{"interleaved-1f1b", {8, 16}, 58.5, 58.5, Falling(23, 2, 9)},
           Row{"looped-bfs", {8, 16}, 58.5, 58.5, {32}},
           Row{"zb-h1", {8, 16}, 55, 55, {8}},
           Row{"zb-h2", {8, 16}, 55, 48, {15}},
           Row{"interleaved-zb", {8, 16}, 51.5, 51.5, {16}},
           Row{"zbv", {8, 16}, 51.5, 48, {16}},
           Row{"v-1f1b", {8, 16}, 64.5, 64.5, {12}},
           Row{"dualpipe", {8, 16}, 54, 54, {9}},
           Row{"dualpipev", {8, 16}, 55, 55, {17}},
       }) {
    ExpectRow(row);
  }
}

// (D - 2) / (2 N + D - 2) of the makespan is bubble when F = B; with B = 2 F
// the chains of B are longer: (D - 2) / (3 N / 2 + D - 2).
TEST(TableTest, ChimerasBubbleIsThePapers) {
  for (int ranks = 2; ranks <= 12; ranks += 2) {
    const auto schedule = Generate("chimera", {ranks, ranks});
    ASSERT_TRUE(schedule.ok());
    const TimesInUnits times = ExecuteInUnits(*schedule);
    EXPECT_EQ(times.makespan, 3 * ranks + 2 * (ranks - 2));
    for (const int peak : times.peaks) EXPECT_LE(peak, ranks);
  }
}

// More waves, less bubble, within the memory of 1F1B.
TEST(TableTest, WavesShrinkTheBubble) {
  int last = 9 * 12;  // 1F1B's.
  for (const int stages_per_rank : {2, 4}) {
    const auto schedule = Generate("hanayo", {4, 16, stages_per_rank});
    ASSERT_TRUE(schedule.ok());
    const TimesInUnits times = ExecuteInUnits(*schedule);
    ASSERT_EQ(times.error, "");
    const int bubble = (times.makespan - 3 * 16 * stages_per_rank) * 12 /
                       stages_per_rank;  // In twelfths of F.
    EXPECT_LT(bubble, last);
    last = bubble;
    for (const int peak : times.peaks) EXPECT_LE(peak, 4 * stages_per_rank);
  }
}

}  // namespace
}  // namespace penstock
