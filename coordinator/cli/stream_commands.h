#ifndef COORDINATOR_CLI_STREAM_COMMANDS_H_
#define COORDINATOR_CLI_STREAM_COMMANDS_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// Adds `job metrics|logs|wait` to `job`, which read what the coordinator
// streams. `context` must outlive `job`.
void AddStreamCommands(CLI::App& job, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_STREAM_COMMANDS_H_
