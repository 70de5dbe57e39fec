#include "coordinator/cli/simulation_text.h"

#include <vector>

#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/table.h"
#include "fmt/format.h"

namespace penstock {
namespace {

std::string StagesText(const Schedule& schedule, int rank) {
  std::vector<int> stages;
  for (int stage = 0; stage < schedule.stages(); ++stage) {
    if (schedule.rank_of_stage[stage] == rank) stages.push_back(stage);
  }
  return fmt::format("{}", fmt::join(stages, " "));
}

struct Cause {
  const char* name;
  double BubbleCauses::*time;
};

constexpr Cause kCauses[] = {{"fill", &BubbleCauses::fill},
                             {"drain", &BubbleCauses::drain},
                             {"latency", &BubbleCauses::latency},
                             {"memory", &BubbleCauses::memory},
                             {"imbalance", &BubbleCauses::imbalance}};

BubbleCauses TotalOf(const std::vector<BubbleCauses>& ranks) {
  BubbleCauses total;
  for (const BubbleCauses& rank : ranks) {
    for (const Cause& cause : kCauses) total.*cause.time += rank.*cause.time;
  }
  return total;
}

std::vector<std::string> CausesRow(const BubbleCauses& causes) {
  std::vector<std::string> row;
  for (const Cause& cause : kCauses) {
    row.push_back(fmt::format("{:.6g}", causes.*cause.time));
  }
  return row;
}

nlohmann::ordered_json CausesJson(const BubbleCauses& causes) {
  nlohmann::ordered_json json;
  for (const Cause& cause : kCauses) json[cause.name] = causes.*cause.time;
  return json;
}

}  // namespace

std::string SimulationText(const Schedule& schedule,
                           const Simulation& simulation,
                           const std::string& unit, int width) {
  Table table({"RANK>", "BUSY>", "SPAN>", "FILL>", "DRAIN>", "LATENCY>",
               "MEMORY>", "IMBALANCE>", "PEAK>", "STAGES"});
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    std::vector<std::string> row = {
        fmt::format("{}", rank), fmt::format("{:.6g}", simulation.busy[rank]),
        fmt::format("{:.6g}", simulation.span[rank])};
    const std::vector<std::string> causes = CausesRow(simulation.bubbles[rank]);
    row.insert(row.end(), causes.begin(), causes.end());
    row.push_back(fmt::format("{}", simulation.peak_activations[rank]));
    row.push_back(StagesText(schedule, rank));
    table.AddRow(row);
  }
  std::vector<std::string> total = CausesRow(TotalOf(simulation.bubbles));
  total.insert(total.begin(), {"all", "", ""});
  total.insert(total.end(), {"", ""});
  table.AddRow(total);
  return fmt::format(
      "makespan {:.6g} {}, bubble {}; longest span {:.6g}, bubble {}\n\n{}",
      simulation.makespan, unit,
      PercentText(simulation.bubble_fraction_makespan), simulation.span_max,
      PercentText(simulation.bubble_fraction_span), table.ToString(width));
}

nlohmann::ordered_json SimulationJson(const Simulation& simulation) {
  nlohmann::ordered_json ranks = nlohmann::ordered_json::array();
  for (const BubbleCauses& causes : simulation.bubbles) {
    ranks.push_back(CausesJson(causes));
  }
  return {
      {"makespan_us", simulation.makespan},
      {"span_us", simulation.span_max},
      {"bubble_fraction_makespan", simulation.bubble_fraction_makespan},
      {"bubble_fraction_span", simulation.bubble_fraction_span},
      {"peak_activations", simulation.peak_activations},
      {"bubble_us",
       {{"total", CausesJson(TotalOf(simulation.bubbles))}, {"ranks", ranks}}}};
}

}  // namespace penstock
