#ifndef COORDINATOR_SCHEDULE_COSTS_H_
#define COORDINATOR_SCHEDULE_COSTS_H_

#include <vector>

namespace penstock {

// Times are in any one unit; integers are added exactly.
struct StageTimes {
  double forward = 0;
  double input_gradient = 0;
  double weight_gradient = 0;
  double reduce = 0;  // Of the stage's gradients over replicas.
  // Of this stage's F beside any B; negative: the sum of both.
  double overlapped_pair = -1;
  double recompute = -1;  // Of R; negative: as F.
};

// A transfer's time between two stages on different ranks: `occupancy` during
// which the directed edge between the two ranks carries nothing else (bytes by
// bandwidth), and then `latency`.
struct Hop {
  double latency = 0;
  double occupancy = 0;
};

struct ScheduleCosts {
  std::vector<StageTimes> stages;
  // hops[s] lies between stages s and s + 1, either way. Size stages - 1.
  std::vector<Hop> hops;
  double tied = 0;  // Of REDUCE_TIED and REDUCE_COPY, once both ends are there.
  // Per rank; empty for none. An UPDATE costs its rank's by the number of the
  // rank's stages.
  std::vector<double> optimizer;
  // The share of each piece in the times of a micro-batch, when those are cut
  // into pieces; empty: equal shares. They add up to 1.
  std::vector<double> piece_shares;
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_COSTS_H_
