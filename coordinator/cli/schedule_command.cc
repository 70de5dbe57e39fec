#include "coordinator/cli/schedule_command.h"

#include <memory>
#include <ostream>
#include <string>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/schedule_show_command.h"
#include "coordinator/cli/schedule_simulate_command.h"
#include "coordinator/cli/schedule_verify_command.h"
#include "nlohmann/json.hpp"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

struct ListOptions {
  std::string form = "table";
  bool names = false;
};

absl::StatusOr<int> RunList(const ListOptions& options, Context& context) {
  if (options.form == "json") {
    context.console.out << nlohmann::json(ScheduleNames()).dump(2) << "\n";
    return kExitOk;
  }
  for (const std::string& name : ScheduleNames()) {
    context.console.out << name << "\n";
  }
  return kExitOk;
}

void AddList(CLI::App& schedule, Context& context) {
  const auto options = std::make_shared<ListOptions>();
  CLI::App& list =
      *schedule.add_subcommand("list", "List the schedules there are");
  list.add_option("-o,--output", options->form, "Form of the output")
      ->check(CLI::IsMember({"table", "json"}))
      ->option_text("table|json");
  list.add_flag("--names", options->names, "Only the names, one a line");
  list.callback([options, &context] {
    context.run = [options, &context] { return RunList(*options, context); };
  });
}

}  // namespace

void AddScheduleCommands(CLI::App& app, Context& context) {
  CLI::App& schedule = *app.add_subcommand(
      "schedule", "List, draw, prove and simulate schedules; needs no cluster");
  schedule.require_subcommand(1);
  AddList(schedule, context);
  AddScheduleShowCommand(schedule, context);
  AddScheduleVerifyCommand(schedule, context);
  AddScheduleSimulateCommand(schedule, context);
}

}  // namespace penstock
