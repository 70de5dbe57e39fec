#include "coordinator/cli/plan_solve_command.h"

#include <memory>
#include <ostream>
#include <string>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/output_format.h"
#include "coordinator/cli/solution_text.h"
#include "coordinator/planner/solve/problem_json.h"
#include "coordinator/planner/solve/solve.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct Options {
  std::string file;
  OutputFormat format = OutputFormat::kTable;
};

absl::StatusOr<int> Run(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(options.file));
  const absl::StatusOr<SolveProblem> problem = ParseSolveProblem(text);
  if (!problem.ok()) return Annotate(problem.status(), options.file);
  const absl::StatusOr<Solution> solved = Solve(*problem);
  const absl::Status status = Annotate(solved.status(), options.file);
  if (status.code() == absl::StatusCode::kFailedPrecondition) {
    context.console.err << "penstock: " << std::string(status.message())
                        << "\n";
    return kExitNotPlaced;
  }
  if (!status.ok()) return status;
  const Solution& solution = *solved;
  context.console.out << (options.format == OutputFormat::kTable
                              ? SolutionText(*problem, solution,
                                             context.console.width)
                              : SolutionJson(*problem, solution,
                                             options.format));
  return kExitOk;
}

}  // namespace

void AddPlanSolveCommand(CLI::App& plan, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *plan.add_subcommand(
      "solve", "Choose partition, schedule, mesh and micro-batch size");
  command
      .add_option("FILE", options->file,
                  "Layers, devices, links and options (JSON)")
      ->required();
  AddOutputFlag(command, options->format);
  command.callback([options, &context] {
    context.run = [options, &context] { return Run(*options, context); };
  });
}

}  // namespace penstock
