#ifndef COORDINATOR_SCHEDULE_TIMELINE_H_
#define COORDINATOR_SCHEDULE_TIMELINE_H_

#include <cstddef>
#include <vector>

#include "proto/action.h"

namespace penstock {

// One action of a rank in time. `held` is the rank's memory after it.
struct PlacedAction {
  Action action;
  double start = 0;
  double end = 0;
  double held = 0;
};

// The actions of one rank in time, put there one after another, each into the
// first gap that does. Those there already do not move.
class Timeline {
 public:
  // `memory_max` is the most that the rank may hold.
  explicit Timeline(double memory_max) : memory_max_(memory_max) {}

  // Puts `action` behind `arrival`, for `time`, where it changes what the rank
  // holds by `change` for good; at the end if no gap does, whatever that holds.
  // Returns its end.
  double Place(const Action& action, double arrival, double time,
               double change);

  // In the order of their starts.
  const std::vector<PlacedAction>& placed() const { return placed_; }

 private:
  size_t Find(double arrival, double time, double change) const;

  double memory_max_;
  std::vector<PlacedAction> placed_;
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_TIMELINE_H_
