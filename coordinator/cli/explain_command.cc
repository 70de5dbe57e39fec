#include "coordinator/cli/explain_command.h"

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "coordinator/cli/call.h"
#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/explain_text.h"
#include "coordinator/cli/output_format.h"
#include "coordinator/planner/explain.h"
#include "fmt/format.h"
#include "proto/architecture_proto.h"
#include "proto/base/status_macros.h"
#include "proto/job_spec_proto.h"
#include "proto/plan_proto.h"
#include "proto/v1/jobs.grpc.pb.h"

namespace penstock {
namespace {

struct Options {
  ConnectionFlags connection;
  OutputFormat format = OutputFormat::kTable;
  std::string name;
};

// Errors: FailedPrecondition: there is no plan yet; those of PlanFromProto.
absl::StatusOr<Plan> PlanOf(const v1::Job& job) {
  if (!job.has_plan()) {
    return absl::FailedPreconditionError(fmt::format(
        "job '{}' has no plan yet: {}", job.spec().name(), job.reason()));
  }
  ASSIGN_OR_RETURN(JobSpec spec, JobSpecFromProto(job.spec()));
  if (const auto model = ArchitectureIn(job)) {
    spec.model.architecture = *model;
  }
  return PlanFromProto(job.plan(), std::move(spec));
}

absl::StatusOr<int> RunExplain(const Options& options, Context& context) {
  v1::GetTraceRequest request;
  request.set_name(options.name);
  ASSIGN_OR_RETURN(
      const v1::GetTraceResponse response,
      Call<v1::Jobs>(options.connection, &v1::Jobs::Stub::GetTrace, request));
  ASSIGN_OR_RETURN(const Plan plan, PlanOf(response.job()));
  std::vector<StepTrace> traces;
  for (const v1::StepTrace& message : response.traces()) {
    ASSIGN_OR_RETURN(traces.emplace_back(), StepTraceFromProto(message));
  }
  ASSIGN_OR_RETURN(const Explanation explanation, Explain(plan, traces));
  if (options.format == OutputFormat::kTable) {
    context.console.out << ExplanationText(
        plan, explanation, response.job().revisions(), context.console.width);
  } else {
    context.console.out << ExplanationJson(
                               plan, explanation, response.job().revisions(),
                               options.format == OutputFormat::kJson)
                        << "\n";
  }
  return kExitOk;
}

}  // namespace

void AddExplainCommand(CLI::App& job, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *job.add_subcommand(
      "explain", "Show where each rank's time goes, planned and measured");
  AddConnectionFlags(command, options->connection);
  AddOutputFlag(command, options->format);
  command.add_option("NAME", options->name, "Name of the job")->required();
  command.callback([options, &context] {
    context.run = [options, &context] { return RunExplain(*options, context); };
  });
}

}  // namespace penstock
