#ifndef COORDINATOR_CLI_CHECKPOINT_COMMAND_H_
#define COORDINATOR_CLI_CHECKPOINT_COMMAND_H_

#include <functional>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"

namespace penstock {

// Adds "checkpoint list|verify|hash|export" to `app`. Parsing one of them sets
// `*run`, which must outlive the parse, to what does it and prints to stdout;
// the files are local, no coordinator is asked.
void AddCheckpointCommands(CLI::App& app, std::function<absl::Status()>* run);

}  // namespace penstock

#endif  // COORDINATOR_CLI_CHECKPOINT_COMMAND_H_
