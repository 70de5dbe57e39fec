#ifndef COORDINATOR_CLI_SCHEDULE_SHOW_COMMAND_H_
#define COORDINATOR_CLI_SCHEDULE_SHOW_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// `penstock schedule show`: a named schedule as text, CSV, JSON or timeline.
void AddScheduleShowCommand(CLI::App& schedule, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SCHEDULE_SHOW_COMMAND_H_
