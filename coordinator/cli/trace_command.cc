#include "coordinator/cli/trace_command.h"

#include <memory>
#include <ostream>
#include <string>

#include "coordinator/cli/call.h"
#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/trace_json.h"
#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/v1/jobs.grpc.pb.h"

namespace penstock {
namespace {

struct Options {
  ConnectionFlags connection;
  std::string name;
  std::string file;
  int steps = 4;
};

absl::StatusOr<int> RunTrace(const Options& options, Context& context) {
  v1::GetTraceRequest request;
  request.set_name(options.name);
  request.set_steps(options.steps);
  ASSIGN_OR_RETURN(
      const v1::GetTraceResponse response,
      Call<v1::Jobs>(options.connection, &v1::Jobs::Stub::GetTrace, request));
  ASSIGN_OR_RETURN(const std::string json, TraceJson(response));
  RETURN_IF_ERROR(WriteFileAtomically(options.file, json));
  context.console.out << fmt::format(
      "{}: {} traces; open it at https://ui.perfetto.dev\n", options.file,
      response.traces_size());
  return kExitOk;
}

}  // namespace

void AddTraceCommand(CLI::App& job, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *job.add_subcommand(
      "trace", "Write what each rank did when, planned and measured");
  AddConnectionFlags(command, options->connection);
  command.add_option("NAME", options->name, "Name of the job")->required();
  command.add_option("-o,--output", options->file, "Trace to write (JSON)")
      ->required()
      ->option_text("FILE");
  command.add_option("--steps", options->steps, "So many of the newest steps")
      ->check(CLI::Range(1, 16))
      ->capture_default_str()
      ->option_text("1..16");
  command.callback([options, &context] {
    context.run = [options, &context] { return RunTrace(*options, context); };
  });
}

}  // namespace penstock
