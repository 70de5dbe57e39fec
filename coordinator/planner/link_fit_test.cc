#include "coordinator/planner/link_fit.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr double kMillisecond = 1e-3;

// As the link of Hop's model carries what is made at `made`; the receiver's
// clock is 7 s ahead.
std::vector<Crossing> Cross(const std::vector<double>& made, double latency,
                            double occupancy) {
  std::vector<Crossing> crossings;
  double out = 0;
  for (const double at : made) {
    out = std::max(out, at) + occupancy;
    crossings.push_back(
        {.made = at, .begin = out + latency + 7, .waited = true});
  }
  return crossings;
}

const std::vector<double> kBurst = {1.000, 1.002, 1.004, 1.006, 1.060};

TEST(LinkFitTest, ABurstShowsTheOccupancyAndTheClocksDoNotMatter) {
  const LinkFit fit =
      FitLink({Cross(kBurst, 2 * kMillisecond, 10 * kMillisecond)});
  EXPECT_TRUE(fit.separated);
  EXPECT_NEAR(fit.occupancy, 10 * kMillisecond, 1e-9);
  EXPECT_NEAR(fit.whole, 7 + 12 * kMillisecond, 1e-9);
}

TEST(LinkFitTest, ASenderThatWaitsForTheLinkShowsItByItsFirstTensors) {
  // Two are made at once; then each when the one before the last is out. Passes
  // begin up to 0.3 ms late.
  std::vector<double> made = {1.000, 1.003};
  for (int i = 0; i < 14; ++i) made.push_back(1.013 + 0.01 * i);
  std::vector<std::vector<Crossing>> steps;
  for (int step = 0; step < 7; ++step) {
    std::vector<Crossing>& crossings =
        steps.emplace_back(Cross(made, 4 * kMillisecond, 10 * kMillisecond));
    for (size_t i = 0; i < crossings.size(); ++i) {
      crossings[i].begin += 1e-4 * static_cast<double>((i + step) % 4);
    }
  }
  const LinkFit fit = FitLink(steps);
  EXPECT_TRUE(fit.separated);
  EXPECT_NEAR(fit.occupancy, 10 * kMillisecond, 3e-4);
  // The occupancy errs by as much as passes begin late, and adds up over a few
  // tensors that queue.
  EXPECT_NEAR(fit.whole, 7 + 14 * kMillisecond, 1e-3);
}

TEST(LinkFitTest, WhatNeverQueuesIsNotSeparated) {
  const LinkFit fit = FitLink(
      {Cross({1.00, 1.02, 1.04, 1.06}, 2 * kMillisecond, 10 * kMillisecond)});
  EXPECT_FALSE(fit.separated);
  EXPECT_NEAR(fit.whole, 7 + 12 * kMillisecond, 1e-9);
}

TEST(LinkFitTest, LateWakeUpsAreNotTakenForAnOccupancy) {
  std::vector<Crossing> crossings = Cross(kBurst, 5 * kMillisecond, 0);
  for (const double at : {1.100, 1.102, 1.104, 1.106}) {
    crossings.push_back(Cross({at}, 5 * kMillisecond, 0)[0]);
  }
  for (size_t i = 0; i < crossings.size(); i += 2) crossings[i].begin += 3e-4;
  EXPECT_FALSE(FitLink({crossings}).separated);
}

TEST(LinkFitTest, WithoutWaitsThereIsNothing) {
  std::vector<Crossing> crossings = Cross(kBurst, 5 * kMillisecond, 0);
  for (Crossing& crossing : crossings) crossing.waited = false;
  EXPECT_EQ(FitLink({crossings}).whole, 0);
  EXPECT_EQ(FitLink({}).whole, 0);
}

}  // namespace
}  // namespace penstock
