#ifndef COORDINATOR_CLI_PLAN_MEMORY_COMMAND_H_
#define COORDINATOR_CLI_PLAN_MEMORY_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// plan memory: model and parallelism by flags, a row per rank.
void AddPlanMemoryCommand(CLI::App& plan, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_PLAN_MEMORY_COMMAND_H_
