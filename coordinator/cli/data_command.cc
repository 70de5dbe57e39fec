#include "coordinator/cli/data_command.h"

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "coordinator/cli/exit_code.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/disk.h"
#include "proto/file/token_writer.h"

namespace penstock {
namespace {

struct Options {
  std::vector<std::string> texts;
  std::string output;
};

absl::StatusOr<int> RunPrepare(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const PreparedTokens prepared,
                   PrepareTokens(options.texts, options.output, RealDisk()));
  context.console.out << fmt::format(
      "{}: {} tokens, {} {}; train with dtype uint16 and vocabulary 256\n",
      options.output, prepared.tokens, prepared.documents,
      prepared.documents == 1 ? "document" : "documents");
  return kExitOk;
}

}  // namespace

void AddDataCommands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& data = *app.add_subcommand("data", "Make files to train on");
  data.require_subcommand(1);

  CLI::App& prepare = *data.add_subcommand(
      "prepare",
      "Turn texts into one file of tokens: their bytes, a zero "
      "between documents");
  prepare.add_option("TEXT", options->texts, "Text files, each one document")
      ->required();
  prepare.add_option("-o,--output", options->output, "The file to write")
      ->required()
      ->option_text("FILE");
  prepare.callback([options, &context] {
    context.run = [options, &context] { return RunPrepare(*options, context); };
  });
}

}  // namespace penstock
