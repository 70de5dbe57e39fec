#ifndef COORDINATOR_SCHEDULE_PLACEMENT_H_
#define COORDINATOR_SCHEDULE_PLACEMENT_H_

#include <vector>

namespace penstock {

// Which rank has which stage; all of them give every rank as many stages.
enum class Placement {
  kLoop,  // Stage s on rank s mod P.
  // There and back again without changing the rank at the turn: with two stages
  // per rank a V, with more a wave.
  kWave,
  // Two copies of a loop of one stage per rank: copy 0's stage s on rank s,
  // copy 1's on rank P - 1 - s.
  kBidirectional,
};

// The rank of each stage. Requires ranks >= 1 and stages_per_rank >= 1, which
// is 2 for kBidirectional.
std::vector<int> RankOfStage(Placement placement, int ranks,
                             int stages_per_rank);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_PLACEMENT_H_
