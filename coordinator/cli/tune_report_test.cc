#include "coordinator/cli/tune_report.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::StepMetrics Step(double tokens_per_second, double bubble, double seconds) {
  v1::StepMetrics metrics;
  metrics.set_tokens_per_second(tokens_per_second);
  metrics.set_bubble_fraction_measured(bubble);
  metrics.set_step_seconds(seconds);
  return metrics;
}

TEST(TuneReportTest, TriesThePowersOfTwoThatDivide) {
  EXPECT_THAT(SizesToTune({}, 8).value(), ElementsAre(1, 2, 4, 8));
  EXPECT_THAT(SizesToTune({}, 12).value(), ElementsAre(1, 2, 4));
  EXPECT_THAT(SizesToTune({}, 3).value(), ElementsAre(1));
  EXPECT_THAT(SizesToTune({}, 4096).value(),
              ElementsAre(32, 64, 128, 256, 512, 1024, 2048, 4096));
  EXPECT_THAT(SizesToTune({6, 1, 6}, 12).value(), ElementsAre(1, 6));
}

TEST(TuneReportTest, NamesTheNearestSizesThatDivide) {
  EXPECT_EQ(SizesToTune({1, 5}, 12).status().message(),
            "--sizes: 5 does not divide the 12 samples of a step; 4 and 6 do");
  EXPECT_EQ(SizesToTune({24}, 12).status().message(),
            "--sizes: 24 does not divide the 12 samples of a step; 12 and 12 "
            "do");
  EXPECT_FALSE(SizesToTune({0}, 12).ok());
  EXPECT_FALSE(SizesToTune({-3}, 12).ok());
}

TEST(TuneReportTest, TakesMediansWithoutTheFirstStep) {
  const TuneResult result = Summarize(
      {Step(1, 0.9, 9), Step(10, 0.3, 1), Step(30, 0.1, 3), Step(20, 0.2, 2)});
  EXPECT_EQ(result.tokens_per_second, 20);
  EXPECT_EQ(result.bubble_fraction, 0.2);
  EXPECT_EQ(result.step_seconds, 2);
  EXPECT_EQ(Summarize({Step(1, 0, 1), Step(2, 0, 1), Step(4, 0, 1)})
                .tokens_per_second,
            3);
  EXPECT_EQ(Summarize({Step(7, 0, 1)}).tokens_per_second, 7);
}

std::vector<TuneResult> Results() {
  return {{.micro_batch_size = 1,
           .micro_batches = 8,
           .tokens_per_second = 1000,
           .bubble_fraction = 0.1,
           .step_seconds = 2,
           .resident_bytes_peak = 1 << 20,
           .forecast_bytes = 2 << 20},
          {.micro_batch_size = 2,
           .micro_batches = 4,
           .tokens_per_second = 1500,
           .bubble_fraction = 0.2,
           .step_seconds = 1.5},
          {.micro_batch_size = 4, .micro_batches = 2, .failure = "too large"}};
}

TEST(TuneReportTest, MarksTheFastestThatRan) {
  const std::vector<TuneResult> results = Results();
  EXPECT_EQ(BestOf(results), &results[1]);
  EXPECT_EQ(BestOf({results[2]}), nullptr);
  EXPECT_EQ(
      TuneTable(results, 100),
      "SIZE  MICRO-BATCHES  TOKENS/S    STEP  BUBBLE  PEAK MEMORY  FORECAST  "
      "NOTE\n"
      "   1              8     1.00k  2.00 s  10.0 %     1.00 MiB  2.00 MiB\n"
      "   2              4     1.50k  1.50 s  20.0 %            ?       0 B  "
      "best\n"
      "   4              2         -       -       -            -         -  "
      "failed\n2 x 4 samples: too large\n");
  EXPECT_THAT(TuneJson(results), HasSubstr("\"failure\": \"too large\""));
}

TEST(TuneReportTest, DrawsWhatRan) {
  const std::string drawing = TuneDrawing("a<b", Results());
  EXPECT_THAT(drawing, HasSubstr("a&lt;b: size of the micro-batches"));
  EXPECT_THAT(drawing, HasSubstr("a&lt;b: 2, 1500</title>"));
  EXPECT_THAT(drawing, HasSubstr("a&lt;b: 1, 1</title>"));
}

}  // namespace
}  // namespace penstock
