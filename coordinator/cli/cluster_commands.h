#ifndef COORDINATOR_CLI_CLUSTER_COMMANDS_H_
#define COORDINATOR_CLI_CLUSTER_COMMANDS_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// Adds `up` and `down` to `app`. `context` must outlive `app`.
void AddClusterCommands(CLI::App& app, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_CLUSTER_COMMANDS_H_
