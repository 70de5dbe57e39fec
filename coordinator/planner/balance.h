#ifndef COORDINATOR_PLANNER_BALANCE_H_
#define COORDINATOR_PLANNER_BALANCE_H_

#include <cstdint>
#include <functional>
#include <vector>

namespace penstock {

// Slices of a model for ranks that own several of them.
struct BalanceProblem {
  std::vector<double> costs;   // Per unit, >= 0.
  std::vector<double> speeds;  // Per rank, > 0.
  // slices[r] are the slices of rank r; each slice is some rank's, and in a
  // bidirectional schedule two ranks'.
  std::vector<std::vector<int>> slices;
  // How much more than it has, in bytes, rank r would need; 0 when it fits.
  std::function<double(int rank, const std::vector<int64_t>& cuts)> lacks;
};

// Moves units between slices until no single move makes the cuts better: first
// the memory that ranks lack in all, then the time of the slowest rank, then
// the sum of squares of ranks' times, then the same of slices. A move takes one
// unit from a slice of a rank that is worst off to any other slice, shifting
// all between. Slices stay contiguous and non-empty.
//
// `cuts` is a partition to start from, see Partition.
std::vector<int64_t> Balance(const BalanceProblem& problem,
                             std::vector<int64_t> cuts);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_BALANCE_H_
