#ifndef COORDINATOR_PLANNER_PARTITION_H_
#define COORDINATOR_PLANNER_PARTITION_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace penstock {

// What a stage can hold. Must be monotone: whatever fits still fits when units
// are taken away from either end.
class StageLimit {
 public:
  virtual ~StageLimit() = default;

  // Begins an empty stage.
  virtual void Begin(int stage) = 0;

  // Adds the next unit at one end of it; false when that is too much.
  virtual bool Add(int64_t unit) = 0;
};

struct PartitionProblem {
  std::vector<double> costs;   // Per unit, >= 0.
  std::vector<double> speeds;  // Per stage, > 0: a stage takes cost / speed.
};

// Cuts the units into contiguous, non-empty stages such that the slowest takes
// the least time that `limit` allows. Among those, no stage has more units than
// it must, and the units are spread evenly.
//
// Exact: for a bound on time, the cuts that each stage can end at follow from
// those of the stage before; the bound is bisected until it is the time of a
// real stage and the next smaller number is impossible. About 60 x S x (U - S)
// additions of a unit to a stage.
//
// Returns the cuts: stage s is [cuts[s], cuts[s + 1]).
//
// Errors:
//   InvalidArgument: more stages than units, or none.
//   FailedPrecondition: no partition is within `limit`.
absl::StatusOr<std::vector<int64_t>> Partition(const PartitionProblem& problem,
                                               StageLimit& limit);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_PARTITION_H_
