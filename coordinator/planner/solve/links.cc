#include "coordinator/planner/solve/links.h"

#include <algorithm>

namespace penstock {
namespace {

void MakeWorse(SolveLink& link, const SolveLink& other) {
  link.latency_ns = std::max(link.latency_ns, other.latency_ns);
  link.bytes_per_second =
      std::min(link.bytes_per_second, other.bytes_per_second);
}

}  // namespace

SolveLink LinkBetween(const SolveProblem& problem, int first, int second) {
  for (const SolvePairLink& pair : problem.pair_links) {
    if ((pair.first == first && pair.second == second) ||
        (pair.first == second && pair.second == first)) {
      return pair.link;
    }
  }
  return problem.link;
}

SolveLink LinkBetween(const SolveProblem& problem,
                      const std::vector<int>& first_rank,
                      const std::vector<int>& second_rank) {
  SolveLink worst;
  for (size_t replica = 0; replica < first_rank.size(); ++replica) {
    MakeWorse(worst,
              LinkBetween(problem, first_rank[replica], second_rank[replica]));
  }
  return worst;
}

double OccupancyOf(const SolveLink& link, int64_t bytes) {
  return static_cast<double>(bytes) / link.bytes_per_second * 1e9;
}

double ReduceTimeOf(const SolveProblem& problem, const std::vector<int>& rank,
                    double bytes) {
  if (rank.size() < 2) return 0;
  SolveLink worst;
  for (size_t i = 0; i < rank.size(); ++i) {
    MakeWorse(worst,
              LinkBetween(problem, rank[i], rank[(i + 1) % rank.size()]));
  }
  const auto replicas = static_cast<double>(rank.size());
  return 2 * (replicas - 1) *
         (static_cast<double>(worst.latency_ns) +
          bytes / replicas / worst.bytes_per_second * 1e9);
}

}  // namespace penstock
