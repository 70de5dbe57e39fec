#include "coordinator/cli/plan_command.h"

#include "coordinator/cli/plan_memory_command.h"
#include "coordinator/cli/plan_solve_command.h"

namespace penstock {

void AddPlanCommands(CLI::App& app, Context& context) {
  CLI::App& plan = *app.add_subcommand(
      "plan", "Work out what a run needs, without a cluster");
  plan.require_subcommand(1);
  AddPlanSolveCommand(plan, context);
  AddPlanMemoryCommand(plan, context);
}

}  // namespace penstock
