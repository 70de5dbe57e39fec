#ifndef COORDINATOR_CLI_PROCESS_H_
#define COORDINATOR_CLI_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace penstock {

// One run of a program. A pid alone names another process once it is reused.
struct ProcessId {
  pid_t pid = 0;
  uint64_t start_ticks = 0;  // Since boot; field 22 of /proc/PID/stat.

  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

// Starts `command` (a path and its arguments) in a session of its own, with
// nothing to read and its output appended to `log_path`.
//
// Errors: as the system says, with the path.
absl::StatusOr<ProcessId> StartDaemon(const std::vector<std::string>& command,
                                      const std::string& log_path);

// False once it ended, even if nobody has asked for its exit status yet.
bool IsAlive(const ProcessId& process);

// Asks each to end (SIGTERM), kills those that are left after `grace`. Returns
// when none is alive. Never touches a process with a reused pid.
//
// Errors:
//   DeadlineExceeded: one is alive even after it was killed.
//   Internal: as the system says.
absl::Status StopProcesses(const std::vector<ProcessId>& processes,
                           absl::Duration grace);

}  // namespace penstock

#endif  // COORDINATOR_CLI_PROCESS_H_
