// Runs 500 seeds of tests/simulation/simulation.h. A failure prints its seed;
// PENSTOCK_SIMULATION_SEED=<seed> runs just that one, and says what happens:
//
//   bazel test //tests/simulation:simulation_test --test_output=all
//       --test_env=PENSTOCK_SIMULATION_SEED=<seed>
//
// PENSTOCK_SIMULATION_SEEDS=<count> runs so many instead, from 0.
#include "tests/simulation/simulation.h"

#include <cstdlib>

#include "gtest/gtest.h"

namespace penstock {
namespace {

uint64_t Seeds() {
  const char* seeds = std::getenv("PENSTOCK_SIMULATION_SEEDS");
  return seeds == nullptr ? 500 : std::strtoull(seeds, nullptr, 10);
}

TEST(SimulationTest, IsSafeUnderFaultsAndEndsAllJobsAfter) {
  if (const char* seed = std::getenv("PENSTOCK_SIMULATION_SEED")) {
    EXPECT_EQ(ClusterSimulation(std::strtoull(seed, nullptr, 10), true).Run(),
              "");
    return;
  }
  int failures = 0;
  for (uint64_t seed = 0; seed < Seeds() && failures < 5; ++seed) {
    const std::string verdict = ClusterSimulation(seed).Run();
    EXPECT_EQ(verdict, "") << "seed " << seed;
    failures += verdict.empty() ? 0 : 1;
  }
}

TEST(SimulationTest, ASeedDecidesEverything) {
  // Two runs of a seed make the same number of random draws and events, so
  // they end alike; a difference would show up as another verdict or a hang.
  for (const uint64_t seed : {1, 2, 3}) {
    EXPECT_EQ(ClusterSimulation(seed).Run(), ClusterSimulation(seed).Run());
  }
}

}  // namespace
}  // namespace penstock
