#include "coordinator/cli/timeout.h"

#include "fmt/format.h"

namespace penstock {

absl::StatusOr<absl::Duration> ParseTimeout(const std::string& text) {
  absl::Duration timeout;
  if (!absl::ParseDuration(text, &timeout) &&
      !absl::ParseDuration(text + "s", &timeout)) {
    return absl::InvalidArgumentError(fmt::format(
        "--timeout: \"{}\" is not a duration like 90s or 1h30m", text));
  }
  if (timeout < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        fmt::format("--timeout: {} is negative", text));
  }
  return timeout;
}

}  // namespace penstock
