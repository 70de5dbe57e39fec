#ifndef COORDINATOR_CLI_CLI_H_
#define COORDINATOR_CLI_CLI_H_

#include <string>
#include <vector>

#include "coordinator/cli/command.h"

namespace penstock {

// Runs one command line, without the program's name, and gives the process's
// exit code (exit_code.h). Errors go to `context.console.err`: what, why and
// what to do next.
int RunCli(const std::vector<std::string>& arguments, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_CLI_H_
