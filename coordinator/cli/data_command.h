#ifndef COORDINATOR_CLI_DATA_COMMAND_H_
#define COORDINATOR_CLI_DATA_COMMAND_H_

#include <functional>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"

namespace penstock {

// Adds "data prepare" to `app`. Parsing it sets
// `*run`, which must outlive the parse, to what does it and prints to stdout;
// the files are local, no coordinator is asked.
void AddDataCommands(CLI::App& app, std::function<absl::Status()>* run);

}  // namespace penstock

#endif  // COORDINATOR_CLI_DATA_COMMAND_H_
