#include "coordinator/cli/doctor_command.h"

#include <unistd.h>

#include <memory>
#include <ostream>
#include <string>

#include "coordinator/cli/call.h"
#include "coordinator/cli/exit_code.h"
#include "fmt/format.h"
#include "google/protobuf/stubs/common.h"
#include "grpcpp/grpcpp.h"
#include "proto/v1/workers.grpc.pb.h"
#include "proto/version.h"

namespace penstock {
namespace {

// Prints findings and remembers whether one was bad.
class Report {
 public:
  explicit Report(std::ostream& out) : out_(out) {}

  void Ok(const std::string& what) { out_ << "ok    " << what << "\n"; }
  void Wrong(const std::string& what) {
    out_ << "wrong " << what << "\n";
    healthy_ = false;
  }

  bool healthy() const { return healthy_; }

 private:
  std::ostream& out_;
  bool healthy_ = true;
};

void CheckPrograms(const std::string& directory, Report& report) {
  for (const char* name : {"penstock-coordinator", "penstock-worker"}) {
    const std::string path = directory + "/" + name;
    if (access(path.c_str(), X_OK) == 0) {
      report.Ok(path);
    } else {
      report.Wrong(path +
                   ": not there; `penstock up` needs it beside this program");
    }
  }
}

void CheckWorkers(const v1::ListWorkersResponse& response, Report& report) {
  if (response.workers().empty()) {
    report.Wrong(
        "no worker is registered; start penstock-worker with --coordinator");
  }
  for (const v1::Worker& worker : response.workers()) {
    if (!worker.connected()) {
      report.Wrong(fmt::format("{}: gone, last seen {:.0f} s ago; see its log",
                               worker.name(), worker.seconds_since_report()));
      continue;
    }
    int busy = 0;
    for (const v1::Device& device : worker.devices()) {
      busy += !device.job().empty();
    }
    report.Ok(fmt::format("{}: version {}, {} of {} devices busy{}",
                          worker.name(), worker.version(), busy,
                          worker.devices_size(),
                          worker.draining() ? ", draining" : ""));
  }
}

void CheckCluster(const ConnectionFlags& flags, Report& report) {
  const auto address = ResolveAddress(flags);
  if (absl::IsInvalidArgument(address.status())) {
    report.Ok("no cluster given (--state-dir or --address): not looked at");
    return;
  }
  const auto workers = Call<v1::Workers>(flags, &v1::Workers::Stub::List,
                                         v1::ListWorkersRequest());
  if (!workers.ok()) {
    report.Wrong(std::string(workers.status().message()));
    return;
  }
  report.Ok(
      fmt::format("coordinator at {} answers", address.ok() ? *address : ""));
  CheckWorkers(*workers, report);
}

absl::StatusOr<int> RunDoctor(const ConnectionFlags& flags, Context& context) {
  Report report(context.console.out);
  report.Ok(fmt::format(
      "penstock {}, gRPC {}, protobuf {}", kVersion, grpc::Version(),
      google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION)));
  CheckPrograms(context.executable_directory, report);
  CheckCluster(flags, report);
  return report.healthy() ? kExitOk : kExitInternal;
}

}  // namespace

void AddDoctorCommand(CLI::App& app, Context& context) {
  const auto flags = std::make_shared<ConnectionFlags>();
  CLI::App& command =
      *app.add_subcommand("doctor", "Check programs, coordinator and workers");
  AddConnectionFlags(command, *flags);
  command.callback([flags, &context] {
    context.run = [flags, &context] { return RunDoctor(*flags, context); };
  });
}

}  // namespace penstock
