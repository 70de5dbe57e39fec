#include "coordinator/planner/solve/certificate.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/planner/solve/problem_json.h"
#include "coordinator/planner/solve/solve.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

SolveProblem Problem() {
  const auto problem = ParseSolveProblem(
      R"({"layers": [{"forward_us": 3, "parameter_bytes": 5},
                     {"forward_us": 2, "parameter_bytes": 5},
                     {"forward_us": 4, "parameter_bytes": 5}],
          "devices": [{"count": 2, "memory_bytes": 40}], "global_batch": 4,
          "options": {"schedules": ["1f1b"]}})");
  EXPECT_TRUE(problem.ok()) << problem.status();
  return *problem;
}

// The names of the checks that do not hold.
std::string Failures(const Solution& solution) {
  std::string names;
  for (const SolveCheck& check : Certify(Problem(), solution)) {
    if (!check.holds) names += (names.empty() ? "" : " ") + check.name;
  }
  return names;
}

// Each defect of planners in the wild is seen by the check of its name.
TEST(CertificateTest, SeesEveryDefect) {
  const auto solution = Solve(Problem());
  ASSERT_TRUE(solution.ok()) << solution.status();
  ASSERT_EQ(Failures(*solution), "");
  const std::vector<std::pair<std::string, std::function<void(Solution&)>>>
      defects = {
          {"complete value", [](Solution& s) { s.stages[0].begin = 1; }},
          {"disjoint ordered fits value",
           [](Solution& s) { s.stages[1].begin = 0; }},
          {"ordered",
           [](Solution& s) {
             std::swap(s.stages[0], s.stages[1]);
             std::swap(s.stages[0].rank, s.stages[1].rank);
           }},
          {"disjoint ordered non-empty fits value",
           [](Solution& s) {
             s.stages[0].end = 0;
             s.stages[1].begin = 0;
             s.stages[1].end = 3;
             s.stages.push_back(s.stages[1]);
           }},
          {"devices", [](Solution& s) { s.ranks[1].devices = {0}; }},
          {"value", [](Solution& s) { s.value_us *= 1.001; }},
      };
  for (const auto& [names, damage] : defects) {
    Solution damaged = *solution;
    damage(damaged);
    EXPECT_EQ(Failures(damaged), names);
  }
}

}  // namespace
}  // namespace penstock
