#include "proto/base/supervisor.h"

#include <systemd/sd-daemon.h>

#include <cstdint>

namespace penstock {

void NotifySupervisor(const std::string& state) {
  // A supervisor that cannot be told kills by its own rules; there is nothing
  // better to do here.
  static_cast<void>(sd_notify(/*unset_environment=*/0, state.c_str()));
}

absl::Duration WatchdogInterval() {
  uint64_t limit_us = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/0, &limit_us) <= 0) {
    return absl::InfiniteDuration();
  }
  return absl::Microseconds(static_cast<int64_t>(limit_us / 2));
}

}  // namespace penstock
