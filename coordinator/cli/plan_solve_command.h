#ifndef COORDINATOR_CLI_PLAN_SOLVE_COMMAND_H_
#define COORDINATOR_CLI_PLAN_SOLVE_COMMAND_H_

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"

namespace penstock {

// plan solve FILE: the best plan of a problem in the form of
// docs/plan_solve.md, with its certificate.
void AddPlanSolveCommand(CLI::App& plan, Context& context);

}  // namespace penstock

#endif  // COORDINATOR_CLI_PLAN_SOLVE_COMMAND_H_
