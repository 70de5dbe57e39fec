#include "coordinator/schedule/fused_wave.h"

#include <algorithm>

#include "coordinator/schedule/unit_times.h"
#include "coordinator/schedule/wave_pattern.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

// Two micro-batches' actions never meet on a rank if they do not meet in the
// slots of a period; then no number of micro-batches does.
TEST(WavePatternTest, NoTwoActionsOfARankMeet) {
  for (int ranks = 1; ranks <= 9; ++ranks) {
    for (const int stages_per_rank : {1, 2, 3, 4, 6}) {
      const auto patterns = FindWavePatterns(ranks, stages_per_rank);
      ASSERT_FALSE(patterns.empty());
      for (const WavePattern& pattern : patterns) {
        ASSERT_EQ(pattern.begins.size(), 2 * pattern.stages());
        // The bubble of a pattern does not grow with the micro-batches.
        const int many = 40;
        const TimesInUnits times =
            ExecuteInUnits(FusedWave({ranks, stages_per_rank, many}));
        ASSERT_EQ(times.error, "");
        EXPECT_LE(times.makespan, pattern.period() * many + pattern.end());
      }
    }
  }
}

TEST(FusedWaveTest, KeepsTheLimitOnActivations) {
  for (int ranks = 1; ranks <= 8; ++ranks) {
    const int least = PeakActivations(FindWavePatterns(ranks, 2).front());
    for (const int limit : {least, least + 1, 2 * ranks + 3}) {
      const TimesInUnits times =
          ExecuteInUnits(FusedWave({ranks, 2, 24, limit}));
      ASSERT_EQ(times.error, "");
      EXPECT_LE(*std::max_element(times.peaks.begin(), times.peaks.end()),
                limit);
    }
  }
}

}  // namespace
}  // namespace penstock
