#ifndef COORDINATOR_CLI_SCHEDULE_COMMAND_H_
#define COORDINATOR_CLI_SCHEDULE_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// `penstock schedule ...`: schedules on this machine alone, without a cluster.
void AddScheduleCommands(CLI::App& app, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SCHEDULE_COMMAND_H_
