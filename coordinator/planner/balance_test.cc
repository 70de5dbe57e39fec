#include "coordinator/planner/balance.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

using Cuts = std::vector<int64_t>;

double RankTime(const BalanceProblem& problem, const Cuts& cuts, int rank) {
  double time = 0;
  for (const int slice : problem.slices[rank]) {
    for (int64_t unit = cuts[slice]; unit < cuts[slice + 1]; ++unit) {
      time += problem.costs[unit];
    }
  }
  return time / problem.speeds[rank];
}

double SlowestRank(const BalanceProblem& problem, const Cuts& cuts) {
  double slowest = 0;
  for (size_t rank = 0; rank < problem.slices.size(); ++rank) {
    slowest =
        std::max(slowest, RankTime(problem, cuts, static_cast<int>(rank)));
  }
  return slowest;
}

// Over all cuts that fit; infinity for none.
double BestOfAll(const BalanceProblem& problem, Cuts cuts, size_t next) {
  if (next + 1 == cuts.size()) {
    for (size_t rank = 0; rank < problem.slices.size(); ++rank) {
      if (problem.lacks(static_cast<int>(rank), cuts) > 0) return 1e300;
    }
    return SlowestRank(problem, cuts);
  }
  double best = 1e300;
  const int64_t left = static_cast<int64_t>(cuts.size() - 1 - next);
  for (int64_t cut = cuts[next - 1] + 1; cut + left <= cuts.back(); ++cut) {
    cuts[next] = cut;
    best = std::min(best, BestOfAll(problem, cuts, next + 1));
  }
  return best;
}

double NoLack(int /*rank*/, const Cuts& /*cuts*/) { return 0; }

TEST(BalanceTest, AHeavyHeadLightensTheOtherSliceOfItsRank) {
  // A V on two ranks: 0 has the first and the last slice.
  const BalanceProblem problem{.costs = {1, 1, 1, 1, 1, 1, 1, 3},
                               .speeds = {1, 1},
                               .slices = {{0, 3}, {1, 2}},
                               .lacks = NoLack};
  const Cuts cuts = Balance(problem, {0, 2, 4, 6, 8});
  EXPECT_EQ(SlowestRank(problem, cuts), 5);
  EXPECT_EQ(cuts[4] - cuts[3], 1);
}

TEST(BalanceTest, AFasterRankGetsMore) {
  const BalanceProblem problem{.costs = std::vector<double>(12, 1),
                               .speeds = {1, 2},
                               .slices = {{0, 2}, {1, 3}},
                               .lacks = NoLack};
  EXPECT_EQ(SlowestRank(problem, Balance(problem, {0, 3, 6, 9, 12})), 4);
}

TEST(BalanceTest, MemoryComesBeforeTime) {
  BalanceProblem problem{.costs = std::vector<double>(8, 1),
                         .speeds = {1, 1},
                         .slices = {{0, 3}, {1, 2}}};
  // Rank 0 can hold three units.
  problem.lacks = [&](int rank, const Cuts& cuts) {
    return rank == 1 ? 0 : std::max(0.0, RankTime(problem, cuts, rank) - 3);
  };
  const Cuts cuts = Balance(problem, {0, 2, 4, 6, 8});
  EXPECT_EQ(RankTime(problem, cuts, 0), 3);
  EXPECT_EQ(SlowestRank(problem, cuts), 5);
}

// Against every partition of random models on two to three ranks of two slices.
TEST(BalanceTest, IsSeldomFarFromTheBest) {
  Random random(7);
  int exact = 0;
  constexpr int kCases = 200;
  for (int test = 0; test < kCases; ++test) {
    const int ranks = 2 + static_cast<int>(random.Below(2));
    BalanceProblem problem{.speeds = std::vector<double>(ranks, 1),
                           .slices = std::vector<std::vector<int>>(ranks),
                           .lacks = NoLack};
    for (int slice = 0; slice < 2 * ranks; ++slice) {
      problem.slices[slice < ranks ? slice : 2 * ranks - 1 - slice].push_back(
          slice);
    }
    const int64_t units = 2 * ranks + static_cast<int64_t>(random.Below(7));
    for (int64_t unit = 0; unit < units; ++unit) {
      problem.costs.push_back(1 + static_cast<double>(random.Below(5)));
    }
    Cuts start;
    for (int slice = 0; slice < 2 * ranks; ++slice) start.push_back(slice);
    start.push_back(units);
    const double best = BestOfAll(problem, start, 1);
    const double found = SlowestRank(problem, Balance(problem, start));
    EXPECT_LE(found, 1.5 * best) << "case " << test;
    if (found <= best) ++exact;
  }
  EXPECT_GE(exact, kCases * 8 / 10);
}

}  // namespace
}  // namespace penstock
