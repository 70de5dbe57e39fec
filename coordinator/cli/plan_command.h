#ifndef COORDINATOR_CLI_PLAN_COMMAND_H_
#define COORDINATOR_CLI_PLAN_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// plan solve: chooses how to run a model that a file describes.
// plan memory: what the memory formulas of the field say of a training run.
//
// Neither needs a cluster.
void AddPlanCommands(CLI::App& app, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_PLAN_COMMAND_H_
