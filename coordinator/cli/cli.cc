#include "coordinator/cli/cli.h"

#include <algorithm>
#include <ostream>

#include "CLI/CLI.hpp"
#include "coordinator/cli/checkpoint_command.h"
#include "coordinator/cli/cluster_commands.h"
#include "coordinator/cli/completion_command.h"
#include "coordinator/cli/data_command.h"
#include "coordinator/cli/doctor_command.h"
#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/explain_command.h"
#include "coordinator/cli/job_commands.h"
#include "coordinator/cli/plan_command.h"
#include "coordinator/cli/schedule_command.h"
#include "coordinator/cli/stream_commands.h"
#include "coordinator/cli/trace_command.h"
#include "coordinator/cli/tune_command.h"
#include "coordinator/cli/watch_command.h"
#include "coordinator/cli/worker_commands.h"
#include "proto/version.h"

namespace penstock {
namespace {

constexpr char kFooter[] =
    "A first run:\n"
    "  penstock up --workers 4 --state-dir demo\n"
    "  penstock job submit -f job.yaml --watch --state-dir demo\n"
    "\n"
    "Exit codes: 0 done; 1 internal or network error; 2 wrong command line or\n"
    "job file; 3 not found; 4 refused; 5 the job cannot be placed; 10 the job\n"
    "failed; 11 it was cancelled; 12 it is not finished.";

void AddCommands(CLI::App& app, Context& context) {
  app.require_subcommand(1);
  CLI::App& job = *app.add_subcommand("job", "Submit, follow and change jobs");
  job.require_subcommand(1);
  AddJobCommands(job, context);
  AddWatchCommand(job, context);
  AddStreamCommands(job, context);
  AddTraceCommand(job, context);
  AddExplainCommand(job, context);
  AddTuneCommand(job, context);
  AddScheduleCommands(app, context);
  AddWorkerCommands(app, context);
  AddCheckpointCommands(app, context);
  AddDataCommands(app, context);
  AddPlanCommands(app, context);
  AddClusterCommands(app, context);
  AddDoctorCommand(app, context);
  AddCompletionCommand(app, context);
  app.set_version_flag("--version", std::string(kVersion));
  // Last, for sub-commands inherit what is there when they are added.
  app.footer(kFooter);
}

// CLI11 reports by exceptions, help included; they end here.
int Parse(CLI::App& app, const std::vector<std::string>& arguments,
          const Console& console) {
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, console.out, console.err) == 0 ? -1 : kExitUsage;
  }
  return kExitOk;
}

}  // namespace

int RunCli(const std::vector<std::string>& arguments, Context& context) {
  CLI::App app("Trains models through pipelines of machines.", "penstock");
  AddCommands(app, context);
  const int parsed = Parse(app, arguments, context.console);
  if (parsed != kExitOk) return std::max<int>(parsed, kExitOk);
  const absl::StatusOr<int> result = context.run();
  if (result.ok()) return *result;
  context.console.err << "penstock: " << std::string(result.status().message())
                      << "\n";
  return ExitCodeOf(result.status());
}

}  // namespace penstock
