#ifndef COORDINATOR_CLI_COMMAND_H_
#define COORDINATOR_CLI_COMMAND_H_

#include <functional>
#include <iosfwd>
#include <string>

#include "absl/status/statusor.h"

namespace penstock {

// Where a command prints, and what the reader of `out` can show.
struct Console {
  std::ostream& out;
  std::ostream& err;
  bool terminal = false;  // `out` can be redrawn.
  bool color = false;
  int width = 80;  // Columns.
};

// What all commands share, and the one that was chosen. Lives until main ends.
struct Context {
  Console console;
  // Of this program; its daemons lie beside it.
  std::string executable_directory;
  // Set by the sub-command that the line names, called once the whole line was
  // parsed. Gives the exit code, or an error for main to print and map.
  std::function<absl::StatusOr<int>()> run;
};

}  // namespace penstock

#endif  // COORDINATOR_CLI_COMMAND_H_
