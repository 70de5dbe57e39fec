#ifndef WORKER_EXECUTOR_DEVICE_WATCHDOG_H_
#define WORKER_EXECUTOR_DEVICE_WATCHDOG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/worker_report.h"
#include "worker/executor/device_calls.h"

namespace penstock {

// A call that the driver has not returned from for too long.
struct StuckCall {
  std::string_view operation;
  absl::Duration open;  // For as long as it was watched, at least.
};

// Finds the call that a driver does not return from, which no limit within the
// process can end: what waits for a device by asking it again and again has one
// of its own, and a better error.
//
// Pure; thread-compatible.
class DeviceWatchdog {
 public:
  // What passes between two looks counts as this at most: a process that was
  // stopped for a while could not have returned either.
  static constexpr absl::Duration kLookMax = absl::Seconds(1);

  // Takes in the calls that are open at `now`, which is steady and must not
  // decrease. The first one that has been open for longer than its `call_max`.
  std::optional<StuckCall> Look(const std::vector<OpenDeviceCall>& open,
                                absl::Time now);

 private:
  struct Watched {
    uint64_t change = 0;
    absl::Duration open;
  };

  absl::Time last_ = absl::InfiniteFuture();  // Look; none yet.
  std::map<uint64_t, Watched> watched_;       // By line.
};

// Where an executor is, for people. `source`: "replica 0 rank 1". `progress` is
// that of its training, none before that began.
std::string PlaceText(std::string_view source,
                      const std::optional<Progress>& progress);

// DeadlineExceeded, which says what is stuck at `place` and what to do.
absl::Status StuckError(std::string_view place, const StuckCall& stuck);

}  // namespace penstock

#endif  // WORKER_EXECUTOR_DEVICE_WATCHDOG_H_
