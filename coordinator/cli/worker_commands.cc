#include "coordinator/cli/worker_commands.h"

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "coordinator/cli/call.h"
#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/job_text.h"
#include "coordinator/cli/output_format.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/v1/workers.grpc.pb.h"

namespace penstock {
namespace {

using v1::Workers;

struct Options {
  ConnectionFlags connection;
  OutputFormat format = OutputFormat::kTable;
  std::string name;
  bool undo = false;
};

absl::StatusOr<int> RunList(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const v1::ListWorkersResponse response,
                   Call<Workers>(options.connection, &Workers::Stub::List,
                                 v1::ListWorkersRequest()));
  std::ostream& out = context.console.out;
  if (options.format == OutputFormat::kTable) {
    out << WorkersText({response.workers().begin(), response.workers().end()},
                       context.console.width);
    return kExitOk;
  }
  if (options.format == OutputFormat::kJson) {
    ASSIGN_OR_RETURN(const std::string json, ToJson(response, options.format));
    out << json << "\n";
    return kExitOk;
  }
  for (const v1::Worker& worker : response.workers()) {
    ASSIGN_OR_RETURN(const std::string json, ToJson(worker, options.format));
    out << json << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> RunDrain(const Options& options, Context& context) {
  v1::DrainRequest request;
  request.set_request_id(NewRequestId());
  request.set_name(options.name);
  request.set_undo(options.undo);
  ASSIGN_OR_RETURN(
      const v1::Worker worker,
      Call<Workers>(options.connection, &Workers::Stub::Drain, request));
  if (options.format != OutputFormat::kTable) {
    ASSIGN_OR_RETURN(const std::string json, ToJson(worker, options.format));
    context.console.out << json << "\n";
    return kExitOk;
  }
  context.console.out << fmt::format(
      "{}: {}\n", worker.name(),
      worker.draining() ? "draining; gets no new jobs" : "accepts jobs");
  return kExitOk;
}

}  // namespace

void AddWorkerCommands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& worker = *app.add_subcommand("worker", "The cluster's machines");
  worker.require_subcommand(1);

  CLI::App& list = *worker.add_subcommand("list", "List workers and devices");
  list.callback([options, &context] {
    context.run = [options, &context] { return RunList(*options, context); };
  });

  CLI::App& drain = *worker.add_subcommand(
      "drain", "Give a worker no new jobs; what it runs goes on");
  drain.add_option("NAME", options->name, "Name of the worker")->required();
  drain.add_flag("--undo", options->undo, "Give it jobs again");
  drain.callback([options, &context] {
    context.run = [options, &context] { return RunDrain(*options, context); };
  });

  for (CLI::App* command : {&list, &drain}) {
    AddConnectionFlags(*command, options->connection);
    AddOutputFlag(*command, options->format);
  }
}

}  // namespace penstock
