#ifndef COORDINATOR_CLI_WATCH_COMMAND_H_
#define COORDINATOR_CLI_WATCH_COMMAND_H_

#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/connection.h"

namespace penstock {

// Shows a job until it is final: its plan, then on a terminal one block that is
// redrawn, elsewhere one line per step. Ctrl-C leaves it running. Outlives the
// coordinator, and says so. Gives the exit code of the job's end, or
// kExitNotFinished after Ctrl-C.
//
// Errors:
//   NotFound: no such job.
//   Others: as Follow says.
absl::StatusOr<int> WatchJob(const ConnectionFlags& flags,
                             const std::string& name, Context& context);

// Adds `job watch` to `job`. `context` must outlive `job`.
void AddWatchCommand(CLI::App& job, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_WATCH_COMMAND_H_
