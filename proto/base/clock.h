#ifndef PROTO_BASE_CLOCK_H_
#define PROTO_BASE_CLOCK_H_

#include <algorithm>
#include <chrono>

#include "absl/time/time.h"

namespace penstock {

// Time for leases, deadlines and measurements: never jumps, means nothing on
// another machine. Wall time (absl::Now) is for logs and names only.
inline absl::Time SteadyNow() {
  return absl::FromUnixNanos(
      std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

// The inverse, for the standard library's waits.
inline std::chrono::steady_clock::time_point ToSteadyClock(absl::Time time) {
  // A year ahead is as good as never, and does not overflow.
  const absl::Time bounded =
      std::min(time, SteadyNow() + absl::Hours(24 * 365));
  return std::chrono::steady_clock::time_point(
      std::chrono::nanoseconds(absl::ToUnixNanos(bounded)));
}

}  // namespace penstock

#endif  // PROTO_BASE_CLOCK_H_
