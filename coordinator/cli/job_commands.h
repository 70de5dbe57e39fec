#ifndef COORDINATOR_CLI_JOB_COMMANDS_H_
#define COORDINATOR_CLI_JOB_COMMANDS_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// Adds `job submit|plan|list|get|cancel|pause|resume` to `job`, which are one
// call each. `context` must outlive `job`.
void AddJobCommands(CLI::App& job, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_JOB_COMMANDS_H_
