#ifndef COORDINATOR_CLI_TIMEOUT_H_
#define COORDINATOR_CLI_TIMEOUT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace penstock {

// The value of --timeout: "90", "90s" and "1h30m".
//
// Errors:
//   InvalidArgument: it is none of these, or negative.
absl::StatusOr<absl::Duration> ParseTimeout(const std::string& text);

}  // namespace penstock

#endif  // COORDINATOR_CLI_TIMEOUT_H_
