#ifndef COORDINATOR_CLI_COMPLETION_COMMAND_H_
#define COORDINATOR_CLI_COMPLETION_COMMAND_H_

#include <string>

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// A bash script that completes the commands and flags of `app`, and names of
// jobs of the cluster in PENSTOCK_STATE_DIR or PENSTOCK_ADDRESS.
std::string BashCompletion(const CLI::App& app);

// Adds `completion bash` to `app`, which prints it. `context` must outlive
// `app`.
void AddCompletionCommand(CLI::App& app, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_COMPLETION_COMMAND_H_
