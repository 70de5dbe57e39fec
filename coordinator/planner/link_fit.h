#ifndef COORDINATOR_PLANNER_LINK_FIT_H_
#define COORDINATOR_PLANNER_LINK_FIT_H_

#include <vector>

namespace penstock {

// One tensor's way from rank to rank, in seconds on two clocks.
struct Crossing {
  double made = 0;      // End of the pass that made it, on the sender's clock.
  double begin = 0;     // Of the pass that took it, on the receiver's.
  bool waited = false;  // That pass began when the tensor came.
};

// How much of a tensor's way it keeps the link to itself (its bytes, by
// bandwidth) and how much is latency, as far as that shows.
struct LinkFit {
  // Occupancy and latency together, by how far the receiver's clock is ahead
  // more.
  double whole = 0;
  double occupancy = 0;
  // False: no tensor had to wait for the one before it in a way that tells one
  // from the other; `occupancy` is then 0 and means nothing.
  bool separated = false;
};

// Fits Hop's model (costs.h) to tensors of one size that crossed one directed
// edge, `steps[i]` in one step: a tensor starts when it is made and the one
// before it is out. Arrivals that lie further apart than the tensors were made
// suggest an occupancy, their distance; the best is taken if with it the
// arrivals are predicted with a quarter of the squared error at most. `whole`
// is 0 when nothing waited.
LinkFit FitLink(std::vector<std::vector<Crossing>> steps);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_LINK_FIT_H_
