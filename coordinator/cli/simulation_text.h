#ifndef COORDINATOR_CLI_SIMULATION_TEXT_H_
#define COORDINATOR_CLI_SIMULATION_TEXT_H_

#include <string>

#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/simulate.h"

namespace penstock {

// What a simulation in microseconds says, for people and for programs.

// `unit` is what a time is followed by.
std::string SimulationText(const Schedule& schedule,
                           const Simulation& simulation,
                           const std::string& unit, int width);

// The fields that README describes; ends without a line break.
std::string SimulationJson(const Simulation& simulation);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SIMULATION_TEXT_H_
