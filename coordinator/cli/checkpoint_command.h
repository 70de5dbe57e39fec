#ifndef COORDINATOR_CLI_CHECKPOINT_COMMAND_H_
#define COORDINATOR_CLI_CHECKPOINT_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// Adds `checkpoint list|verify|hash|export` to `app`. They read and write local
// files; no coordinator is asked. `context` must outlive `app`.
void AddCheckpointCommands(CLI::App& app, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_CHECKPOINT_COMMAND_H_
