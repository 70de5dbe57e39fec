#include "worker/model/learning_rate.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(LearningRateTest, IsConstantWithoutWarmUp) {
  const AdamWSpec spec{.learning_rate = 1e-3};
  for (const int64_t step : {1, 2, 50, 100, 101}) {
    EXPECT_EQ(LearningRate(spec, step, 100), 1e-3);
  }
}

TEST(LearningRateTest, RisesLinearlyToTheFullRateAtTheLastWarmUpStep) {
  const AdamWSpec spec{.learning_rate = 1e-3, .warmup_steps = 10};
  EXPECT_DOUBLE_EQ(LearningRate(spec, 1, 100), 1e-4);
  EXPECT_DOUBLE_EQ(LearningRate(spec, 9, 100), 9e-4);
  EXPECT_EQ(LearningRate(spec, 10, 100), 1e-3);
  EXPECT_EQ(LearningRate(spec, 11, 100), 1e-3);
}

TEST(LearningRateTest, CosineFallsFromWarmUpToTheFinalRate) {
  const AdamWSpec spec{.learning_rate = 1e-3,
                       .warmup_steps = 20,
                       .cosine_decay = true,
                       .final_learning_rate = 1e-4};
  EXPECT_EQ(LearningRate(spec, 20, 100), 1e-3);
  EXPECT_DOUBLE_EQ(LearningRate(spec, 60, 100), 5.5e-4);
  EXPECT_EQ(LearningRate(spec, 100, 100), 1e-4);
  for (int64_t step = 21; step <= 100; ++step) {
    EXPECT_LT(LearningRate(spec, step, 100), LearningRate(spec, step - 1, 100));
  }
}

TEST(LearningRateTest, WarmUpLongerThanTheJobNeverDecays) {
  const AdamWSpec spec{
      .learning_rate = 1, .warmup_steps = 200, .cosine_decay = true};
  EXPECT_DOUBLE_EQ(LearningRate(spec, 100, 100), 0.5);
}

}  // namespace
}  // namespace penstock
