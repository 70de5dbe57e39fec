// Linked once with each bug of planted/: the simulation has to find it.
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/simulation/simulation.h"

namespace penstock {
namespace {

// The rarest is found by about one seed of a hundred; the odds that all of
// these miss it are below 1e-12, whatever other change shuffles the draws.
constexpr uint64_t kSeeds = 3000;

TEST(PlantedBugTest, IsFound) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const std::string verdict = ClusterSimulation(seed).Run();
    if (verdict.empty()) continue;
    RecordProperty("seed", static_cast<int>(seed));
    fmt::print("seed {}: {}\n", seed, verdict);
    return;
  }
  FAIL() << "no seed below " << kSeeds << " finds the planted bug";
}

}  // namespace
}  // namespace penstock
