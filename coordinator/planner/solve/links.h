#ifndef COORDINATOR_PLANNER_SOLVE_LINKS_H_
#define COORDINATOR_PLANNER_SOLVE_LINKS_H_

#include <cstdint>
#include <vector>

#include "coordinator/planner/solve/problem.h"

namespace penstock {

// The problem's link between two devices.
SolveLink LinkBetween(const SolveProblem& problem, int first, int second);

// The worst of latencies and of bandwidths between two ranks, replica by
// replica.
SolveLink LinkBetween(const SolveProblem& problem,
                      const std::vector<int>& first_rank,
                      const std::vector<int>& second_rank);

// Nanoseconds to send `bytes`, latency not included.
double OccupancyOf(const SolveLink& link, int64_t bytes);

// Nanoseconds to sum `bytes` of gradients over the replicas of a rank in a
// ring: 2 (D - 1) / D of the bytes in 2 (D - 1) messages over the worst of
// their links.
double ReduceTimeOf(const SolveProblem& problem, const std::vector<int>& rank,
                    double bytes);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_LINKS_H_
