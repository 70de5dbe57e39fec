// The program `penstock`: looks at what it was started on and runs the command.

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "coordinator/cli/cli.h"

namespace {

int TerminalWidth() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  // Of a file or a pipe: whoever reads it cuts for themselves.
  return isatty(STDOUT_FILENO) ? 80 : 1000;
}

// https://no-color.org
bool WantsColor() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || *no_color == '\0';
}

bool IsTerminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) && term != nullptr &&
         std::string(term) != "dumb";
}

}  // namespace

int main(int argc, char** argv) {
  std::error_code error;
  const auto executable =
      std::filesystem::read_symlink("/proc/self/exe", error);
  penstock::Context context{
      .console = {.out = std::cout,
                  .err = std::cerr,
                  .terminal = IsTerminal(),
                  .color = IsTerminal() && WantsColor(),
                  .width = TerminalWidth()},
      .executable_directory = executable.parent_path().string(),
      .run = {}};
  return penstock::RunCli({argv + 1, argv + argc}, context);
}
