#include "coordinator/planner/solve/copy_reduction.h"

#include <algorithm>

#include "coordinator/planner/solve/links.h"

namespace penstock {

double CopyReductionTimeOf(const SolveProblem& problem,
                           const std::vector<SolvedStage>& stages,
                           const std::vector<SolvedRank>& ranks) {
  double longest = 0;
  for (const SolvedStage& stage : stages) {
    if (stage.copy > 0) continue;
    std::vector<int> holders;  // Of the first replica.
    for (const SolvedStage& other : stages) {
      if (other.begin == stage.begin && other.end == stage.end) {
        holders.push_back(ranks[other.rank].devices[0]);
      }
    }
    double bytes = 0;
    for (int64_t layer = stage.begin; layer < stage.end; ++layer) {
      bytes += static_cast<double>(problem.layers[layer].parameter_bytes) *
               problem.gradient_bytes_per_parameter_byte;
    }
    longest = std::max(longest, ReduceTimeOf(problem, holders, bytes));
  }
  return longest;
}

}  // namespace penstock
