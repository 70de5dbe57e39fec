#include "coordinator/cli/schedule_command.h"

#include <memory>
#include <ostream>
#include <string>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/schedule_show_command.h"
#include "coordinator/cli/schedule_simulate_command.h"
#include "coordinator/cli/schedule_verify_command.h"
#include "coordinator/cli/table.h"
#include "coordinator/schedule/schedule_catalog.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace penstock {
namespace {

struct ListOptions {
  std::string form = "table";
  bool names = false;
};

std::string StagesText(const ScheduleInfo& schedule) {
  return schedule.stages_per_rank == 0
             ? "any"
             : fmt::format("{}", schedule.stages_per_rank);
}

nlohmann::ordered_json ListJson() {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ScheduleInfo& schedule : ScheduleCatalog()) {
    list.push_back({{"name", schedule.name},
                    {"description", schedule.description},
                    {"placement", schedule.placement},
                    {"stages_per_rank", schedule.stages_per_rank},
                    {"shapes", schedule.shapes},
                    {"synchronous", schedule.synchronous},
                    {"splits_backward", schedule.splits_backward},
                    {"own_summation_order", schedule.own_summation_order}});
  }
  return list;
}

absl::StatusOr<int> RunList(const ListOptions& options, Context& context) {
  if (options.form == "json") {
    context.console.out << ListJson().dump(2) << "\n";
    return kExitOk;
  }
  Table table({"NAME", "PLACEMENT", "STAGES PER RANK>", "DESCRIPTION"});
  for (const ScheduleInfo& schedule : ScheduleCatalog()) {
    if (options.names) context.console.out << schedule.name << "\n";
    table.AddRow({std::string(schedule.name), std::string(schedule.placement),
                  StagesText(schedule), std::string(schedule.description)});
  }
  if (!options.names) {
    context.console.out << table.ToString(context.console.width);
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
