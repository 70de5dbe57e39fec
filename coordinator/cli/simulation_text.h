#ifndef COORDINATOR_CLI_SIMULATION_TEXT_H_
#define COORDINATOR_CLI_SIMULATION_TEXT_H_

#include <string>

#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/simulate.h"
#include "nlohmann/json.hpp"

namespace penstock {

// What a simulation says, for people and for programs. Its bubbles must be
// explained.

// `unit` is what a time is followed by.
std::string SimulationText(const Schedule& schedule,
                           const Simulation& simulation,
                           const std::string& unit, int width);

// makespan_us, span_us, bubble_fraction_makespan, bubble_fraction_span,
// peak_activations[] by rank, and bubble_us: by cause, as `total` and for each
// of `ranks`.
nlohmann::ordered_json SimulationJson(const Simulation& simulation);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SIMULATION_TEXT_H_
