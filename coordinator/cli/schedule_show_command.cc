#include "coordinator/cli/schedule_show_command.h"

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/schedule_choice.h"
#include "coordinator/cli/schedule_flags.h"
#include "coordinator/cli/schedule_svg.h"
#include "coordinator/cli/simulation_text.h"
#include "coordinator/schedule/lower.h"
#include "coordinator/schedule/schedule_csv.h"
#include "coordinator/schedule/simulate.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct Options {
  ScheduleFlags schedule;
  CostFlags costs;
  bool lowered = false;
  std::string form = "text";
};

// One line per rank, never cut: programs are what was asked for.
std::string ProgramsText(const Schedule& schedule) {
  std::string text;
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    text +=
        fmt::format("rank {}: {}\n", rank, ToString(schedule.programs[rank]));
  }
  return text;
}

// Cells as in CSV, so that a compound action is one.
std::vector<std::string> CellsOf(const std::vector<Action>& program) {
  std::vector<std::string> cells;
  std::string text = ToString(program);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    cells.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return cells;
}

std::string ScheduleJson(const Schedule& schedule, const std::string& name) {
  nlohmann::ordered_json programs = nlohmann::ordered_json::array();
  for (const std::vector<Action>& program : schedule.programs) {
    programs.push_back(CellsOf(program));
  }
  const nlohmann::ordered_json json = {
      {"schedule", name},
      {"ranks", schedule.ranks()},
      {"microbatches", schedule.microbatches},
      {"copies", schedule.copies},
      {"pieces", schedule.pieces},
      {"rank_of_stage", schedule.rank_of_stage},
      {"programs", programs}};
  return json.dump(2);
}

absl::StatusOr<int> Run(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const ChosenSchedule chosen,
                   ChooseSchedule(options.schedule, options.costs));
  Schedule schedule = chosen.schedule;
  if (options.lowered) {
    ASSIGN_OR_RETURN(schedule, Lower(schedule, {}));
  }
  std::ostream& out = context.console.out;
  if (options.form == "csv") {
    out << ToCsv(schedule);
    return kExitOk;
  }
  if (options.form == "json") {
    out << ScheduleJson(schedule, options.schedule.name) << "\n";
    return kExitOk;
  }
  ASSIGN_OR_RETURN(const ScheduleCosts costs, CostsOf(options.costs, schedule));
  ASSIGN_OR_RETURN(const Simulation simulation,
                   Simulate(schedule, chosen.costs,
                            {.record_actions = true, .explain_bubbles = true}));
  const std::string unit = options.costs.empty() ? "units" : "µs";
  if (options.form == "svg") {
    ASSIGN_OR_RETURN(
        const std::string drawing,
        DrawSchedule(schedule, simulation, options.schedule.name, unit));
    out << drawing;
    return kExitOk;
  }
  out << SimulationText(schedule, simulation, unit, context.console.width)
      << "\n"
      << ProgramsText(schedule);
  return kExitOk;
}

}  // namespace

void AddScheduleShowCommand(CLI::App& schedule, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& show = *schedule.add_subcommand(
      "show", "Show what each rank does: text, CSV, JSON, or a timeline");
  AddScheduleFlags(show, options->schedule);
  AddSearchFlags(show, options->schedule);
  AddCostFlags(show, options->costs);
  show.add_flag("--lowered", options->lowered,
                "With transfers, reductions and the optimizer");
  show.add_option("-o,--output", options->form, "Form of the output")
      ->check(CLI::IsMember({"text", "csv", "json", "svg"}))
      ->option_text("text|csv|json|svg");
  show.callback([options, &context] {
    context.run = [options, &context] { return Run(*options, context); };
  });
}

}  // namespace penstock
