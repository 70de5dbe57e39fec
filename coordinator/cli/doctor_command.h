#ifndef COORDINATOR_CLI_DOCTOR_COMMAND_H_
#define COORDINATOR_CLI_DOCTOR_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// Adds `doctor` to `app`, which checks one thing after the other and says what
// to do about each that is wrong. `context` must outlive `app`.
void AddDoctorCommand(CLI::App& app, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_DOCTOR_COMMAND_H_
