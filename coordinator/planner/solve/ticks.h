#ifndef COORDINATOR_PLANNER_SOLVE_TICKS_H_
#define COORDINATOR_PLANNER_SOLVE_TICKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planner/solve/problem.h"

namespace penstock {

// A unit of time in which every layer takes a whole number on every device, so
// that sums and comparisons are exact: with speeds g x r, r whole and without a
// common divisor, and L the least common multiple of the r, a device of speed
// g x r takes L / r ticks for each nanosecond of work.
//
// Speeds without a small common multiple cannot have that; then a tick is a
// nanosecond, times are rounded up, and exact() is false.
class TickScale {
 public:
  // Errors:
  //   InvalidArgument: the step would take longer than 2^60 nanoseconds.
  static absl::StatusOr<TickScale> Create(const SolveProblem& problem);

  // Of `nanoseconds` of work at `speed_millionths`, one of the problem's.
  int64_t Work(int64_t nanoseconds, int64_t speed_millionths) const;

  // Of time that no device's speed changes; rounded.
  int64_t Time(double nanoseconds) const;

  double ToMicroseconds(double ticks) const;

  // The microseconds without rounding: "12", "19/4".
  std::string ToText(int64_t ticks) const;

  bool exact() const { return exact_; }

 private:
  TickScale() = default;

  bool exact_ = true;
  int64_t divisor_ = 1;   // g, in millionths.
  int64_t multiple_ = 1;  // L.
};

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_TICKS_H_
