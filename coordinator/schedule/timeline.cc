#include "coordinator/schedule/timeline.h"

#include <algorithm>

namespace penstock {
namespace {

// Sums of activations are compared with limits; they are not exact.
constexpr double kRounding = 1e-9;

}  // namespace

// Before which placed action it goes.
size_t Timeline::Find(double arrival, double time, double change) const {
  const double allowed = memory_max_ * (1 + kRounding) - change;
  size_t best = placed_.size();
  for (size_t i = placed_.size(); i > 0; --i) {
    const PlacedAction& after = placed_[i - 1];
    // It may be an input, even if neither takes any time.
    if (after.end <= arrival) break;
    if (after.start * (1 + kRounding) < arrival + time) break;
    // Placing before `after` raises what is held from before it on.
    if (change > 0 && after.held > allowed) break;
    const double begin = i == 1 ? 0 : placed_[i - 2].end;
    const double held = i == 1 ? 0 : placed_[i - 2].held;
    if (std::max(arrival, begin) + time <= after.start * (1 + kRounding) &&
        (change <= 0 || held <= allowed)) {
      best = i - 1;
    }
  }
  return best;
}

double Timeline::Place(const Action& action, double arrival, double time,
                       double change) {
  const size_t place = Find(arrival, time, change);
  PlacedAction placed{.action = action};
  if (place > 0) placed.held = placed_[place - 1].held;
  placed.start =
      place > 0 ? std::max(arrival, placed_[place - 1].end) : arrival;
  placed.end = placed.start + time;
  placed_.insert(placed_.begin() + static_cast<ptrdiff_t>(place), placed);
  for (size_t i = place; i < placed_.size(); ++i) placed_[i].held += change;
  return placed.end;
}

}  // namespace penstock
