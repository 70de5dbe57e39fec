#ifndef PROTO_BASE_SUPERVISOR_H_
#define PROTO_BASE_SUPERVISOR_H_

#include <string>

#include "absl/time/time.h"

namespace penstock {

// Tells systemd, when it started this process with Type=notify, what goes on:
// "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..." (sd_notify(3)). Without
// it, nothing happens. Thread-safe.
void NotifySupervisor(const std::string& state);

// How often "WATCHDOG=1" is expected; half of the limit, as sd_watchdog_enabled
// advises. InfiniteDuration when it is not.
absl::Duration WatchdogInterval();

}  // namespace penstock

#endif  // PROTO_BASE_SUPERVISOR_H_
