#include "coordinator/cli/simulation_text.h"

#include <vector>

#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/table.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace penstock {
namespace {

std::string StagesText(const Schedule& schedule, int rank) {
  std::vector<int> stages;
  for (int stage = 0; stage < schedule.stages(); ++stage) {
    if (schedule.rank_of_stage[stage] == rank) stages.push_back(stage);
  }
  return fmt::format("{}", fmt::join(stages, " "));
}

}  // namespace

std::string SimulationText(const Schedule& schedule,
                           const Simulation& simulation,
                           const std::string& unit, int width) {
  Table table({"RANK>", "BUSY>", "SPAN>", "PEAK>", "STAGES"});
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    table.AddRow({fmt::format("{}", rank),
                  fmt::format("{:.6g}", simulation.busy[rank]),
                  fmt::format("{:.6g}", simulation.span[rank]),
                  fmt::format("{}", simulation.peak_activations[rank]),
                  StagesText(schedule, rank)});
  }
  return fmt::format(
      "makespan {:.6g} {}, bubble {}; longest span {:.6g}, bubble {}\n\n{}",
      simulation.makespan, unit,
      PercentText(simulation.bubble_fraction_makespan), simulation.span_max,
      PercentText(simulation.bubble_fraction_span), table.ToString(width));
}

std::string SimulationJson(const Simulation& simulation) {
  const nlohmann::ordered_json json = {
      {"makespan_us", simulation.makespan},
      {"span_us", simulation.span_max},
      {"bubble_fraction_makespan", simulation.bubble_fraction_makespan},
      {"bubble_fraction_span", simulation.bubble_fraction_span},
      {"peak_activations", simulation.peak_activations}};
  return json.dump(2);
}

}  // namespace penstock
