#ifndef COORDINATOR_CLI_SCHEDULE_VERIFY_COMMAND_H_
#define COORDINATOR_CLI_SCHEDULE_VERIFY_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// `penstock schedule verify`: proves a schedule in a file, or says what is
// wrong.
void AddScheduleVerifyCommand(CLI::App& schedule, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SCHEDULE_VERIFY_COMMAND_H_
