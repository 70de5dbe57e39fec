// Linked once with each bug of planted/: the simulation has to find it.
#include "gtest/gtest.h"
#include "tests/simulation/simulation.h"

namespace penstock {
namespace {

constexpr uint64_t kSeeds = 500;  // As simulation_test.

TEST(PlantedBugTest, IsFound) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const std::string verdict = Simulation(seed).Run();
    if (verdict.empty()) continue;
    RecordProperty("seed", static_cast<int>(seed));
    std::printf("seed %d: %s\n", static_cast<int>(seed), verdict.c_str());
    return;
  }
  FAIL() << "no seed below " << kSeeds << " finds the planted bug";
}

}  // namespace
}  // namespace penstock
