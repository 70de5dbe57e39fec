#include "coordinator/cli/schedule_simulate_command.h"

#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/schedule_choice.h"
#include "coordinator/cli/schedule_file.h"
#include "coordinator/cli/schedule_flags.h"
#include "coordinator/cli/schedule_svg.h"
#include "coordinator/cli/simulation_text.h"
#include "coordinator/schedule/simulate.h"
#include "coordinator/schedule/verify.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct Options {
  ScheduleFlags schedule;
  ScheduleFileFlags file;
  CostFlags costs;
  std::string form = "text";
};

absl::StatusOr<Schedule> ReadSchedule(const Options& options) {
  ScheduleFileFlags flags = options.file;
  flags.microbatches = options.schedule.request.microbatches;
  ASSIGN_OR_RETURN(ScheduleFile file, ReadScheduleFile(flags));
  // Only what runs can be timed.
  const absl::Status proof = file.lowered
                                 ? VerifyLowered(file.schedule).status()
                                 : VerifyCompute(file.schedule);
  if (!proof.ok()) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: refused: {}", flags.path, std::string(proof.message())));
  }
  return std::move(file.schedule);
}

absl::StatusOr<ChosenSchedule> ScheduleOf(const Options& options) {
  const bool by_file = !options.file.path.empty();
  if (by_file != options.schedule.name.empty()) {
    return absl::InvalidArgumentError(
        "give either --schedule NAME or --input FILE");
  }
  if (!by_file) return ChooseSchedule(options.schedule, options.costs);
  ChosenSchedule chosen;
  ASSIGN_OR_RETURN(chosen.schedule, ReadSchedule(options));
  ASSIGN_OR_RETURN(chosen.costs, CostsOf(options.costs, chosen.schedule));
  return chosen;
}

absl::StatusOr<int> Run(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const ChosenSchedule chosen, ScheduleOf(options));
  const bool drawn = options.form == "svg";
  ASSIGN_OR_RETURN(
      const Simulation simulation,
      Simulate(chosen.schedule, chosen.costs,
               {.record_actions = drawn, .explain_bubbles = !drawn}));
  const std::string unit = options.costs.empty() ? "units" : "µs";
  const std::string name =
      options.file.path.empty() ? options.schedule.name : options.file.path;
  std::ostream& out = context.console.out;
  if (options.form == "json") {
    nlohmann::ordered_json json = SimulationJson(simulation);
    if (chosen.synthesis.has_value()) {
      json["auto"] = SynthesisJson(*chosen.synthesis);
    }
    out << json.dump(2) << "\n";
  } else if (drawn) {
    ASSIGN_OR_RETURN(const std::string drawing,
                     DrawSchedule(chosen.schedule, simulation, name, unit));
    out << drawing;
  } else {
    out << SimulationText(chosen.schedule, simulation, unit,
                          context.console.width);
    if (chosen.synthesis.has_value()) out << SynthesisText(*chosen.synthesis);
  }
  return kExitOk;
}

}  // namespace

void AddScheduleSimulateCommand(CLI::App& schedule, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& simulate = *schedule.add_subcommand(
      "simulate", "Simulate a step: its time, bubble and activations");
  AddScheduleFlags(simulate, options->schedule);
  AddSearchFlags(simulate, options->schedule);
  simulate
      .add_option("--input", options->file.path,
                  "Somebody's schedule in PyTorch's CSV")
      ->option_text("FILE")
      ->group("File");
  AddPlacementFlag(simulate, options->file);
  AddCostFlags(simulate, options->costs);
  simulate.add_option("-o,--output", options->form, "Form of the output")
      ->check(CLI::IsMember({"text", "json", "svg"}))
      ->option_text("text|json|svg");
  simulate.callback([options, &context] {
    context.run = [options, &context] { return Run(*options, context); };
  });
}

}  // namespace penstock
