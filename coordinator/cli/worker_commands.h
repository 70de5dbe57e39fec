#ifndef COORDINATOR_CLI_WORKER_COMMANDS_H_
#define COORDINATOR_CLI_WORKER_COMMANDS_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// Adds `worker list|drain` to `app`. `context` must outlive `app`.
void AddWorkerCommands(CLI::App& app, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_WORKER_COMMANDS_H_
