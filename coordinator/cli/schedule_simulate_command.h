#ifndef COORDINATOR_CLI_SCHEDULE_SIMULATE_COMMAND_H_
#define COORDINATOR_CLI_SCHEDULE_SIMULATE_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// `penstock schedule simulate`: what a named schedule or one in a file takes.
void AddScheduleSimulateCommand(CLI::App& schedule, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SCHEDULE_SIMULATE_COMMAND_H_
