#include "worker/executor/device_watchdog.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace penstock {

std::optional<StuckCall> DeviceWatchdog::Look(
    const std::vector<OpenDeviceCall>& open, absl::Time now) {
  const absl::Duration passed =
      std::clamp(now - last_, absl::ZeroDuration(), kLookMax);
  last_ = now;
  std::map<uint64_t, Watched> watched;
  std::optional<StuckCall> stuck;
  for (const OpenDeviceCall& call : open) {
    Watched& line = watched[call.line];
    line.change = call.change;
    const auto before = watched_.find(call.line);
    if (before != watched_.end() && before->second.change == call.change) {
      line.open = before->second.open + passed;
    }
    if (line.open > call.call_max && !stuck.has_value()) {
      stuck = {call.operation, line.open};
    }
  }
  watched_ = std::move(watched);
  return stuck;
}

std::string PlaceText(std::string_view source,
                      const std::optional<Progress>& progress) {
  if (!progress.has_value()) return fmt::format("{} preparing", source);
  if (progress->action.empty()) {
    return fmt::format("{} after step {}", source, progress->step);
  }
  return fmt::format("{} step {} {}", source, progress->step + 1,
                     progress->action);
}

absl::Status StuckError(std::string_view place, const StuckCall& stuck) {
  return absl::DeadlineExceededError(fmt::format(
      "{}: the CUDA driver has not returned from {} for {}; the device hangs "
      "or another process holds it: see `nvidia-smi` and the kernel's log for "
      "an Xid; reset the device if the next executor fails there, too",
      place, stuck.operation,
      absl::FormatDuration(absl::Trunc(stuck.open, absl::Seconds(1)))));
}

}  // namespace penstock
