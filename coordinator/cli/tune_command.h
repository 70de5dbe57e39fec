#ifndef COORDINATOR_CLI_TUNE_COMMAND_H_
#define COORDINATOR_CLI_TUNE_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// `penstock job tune`: the best micro-batch size, measured on the workers.
void AddTuneCommand(CLI::App& job, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_TUNE_COMMAND_H_
