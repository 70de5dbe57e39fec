#ifndef COORDINATOR_CLI_DATA_COMMAND_H_
#define COORDINATOR_CLI_DATA_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// Adds `data prepare` to `app`. It reads and writes local files; no coordinator
// is asked. `context` must outlive `app`.
void AddDataCommands(CLI::App& app, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_DATA_COMMAND_H_
