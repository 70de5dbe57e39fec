#ifndef COORDINATOR_CLI_EXPLAIN_COMMAND_H_
#define COORDINATOR_CLI_EXPLAIN_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// Adds `job explain` to `job`. `context` must outlive `job`.
void AddExplainCommand(CLI::App& job, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_EXPLAIN_COMMAND_H_
