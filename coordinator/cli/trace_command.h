#ifndef COORDINATOR_CLI_TRACE_COMMAND_H_
#define COORDINATOR_CLI_TRACE_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// Adds `job trace` to `job`. `context` must outlive `job`.
void AddTraceCommand(CLI::App& job, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_TRACE_COMMAND_H_
