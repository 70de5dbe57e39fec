#include "coordinator/cli/stream_commands.h"

#include <memory>
#include <ostream>
#include <string>

#include "absl/time/clock.h"
#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/follow.h"
#include "coordinator/cli/job_text.h"
#include "coordinator/cli/output_format.h"
#include "coordinator/cli/timeout.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/v1/jobs.grpc.pb.h"

namespace penstock {
namespace {

struct Options {
  ConnectionFlags connection;
  OutputFormat format = OutputFormat::kTable;
  std::string name;
  bool follow = false;
  std::string timeout = "24h";
};

using OptionsPtr = std::shared_ptr<Options>;

// A read without --follow ends by itself; should it not, so does this.
FollowOptions LimitsOf(const Options& options, Cancellation& cancellation) {
  FollowOptions limits{.cancellation = &cancellation};
  if (!options.follow) {
    limits.deadline = absl::Now() + absl::Seconds(50);
    limits.patience = absl::Seconds(3);
  }
  return limits;
}

// Prints metrics in the chosen form as they come.
class MetricsPrinter {
 public:
  MetricsPrinter(OutputFormat format, std::ostream& out)
      : format_(format), out_(out) {}

  void Print(const v1::StepMetrics& metrics) {
    switch (format_) {
      case OutputFormat::kTable:
        if (count_ == 0) out_ << MetricsHeading();
        out_ << MetricsText(metrics);
        break;
      case OutputFormat::kJson:
        out_ << (count_ == 0 ? "[\n " : ",\n ") << ToJson(metrics);
        break;
      case OutputFormat::kJsonl:
        out_ << ToJson(metrics) << "\n";
    }
    out_.flush();
    ++count_;
  }

  void End() {
    if (format_ != OutputFormat::kJson) return;
    out_ << (count_ == 0 ? "[]\n" : "\n]\n");
  }

 private:
  const OutputFormat format_;
  std::ostream& out_;
  int64_t count_ = 0;
};

absl::StatusOr<int> RunMetrics(const Options& options, Context& context) {
  Cancellation cancellation;
  MetricsPrinter printer(options.format, context.console.out);
  v1::WatchMetricsRequest request;
  request.set_name(options.name);
  request.set_follow(options.follow);
  RETURN_IF_ERROR(Follow(
      options.connection, LimitsOf(options, cancellation),
      [&](const std::shared_ptr<grpc::Channel>& channel,
          grpc::ClientContext& call, bool& received) {
        const auto reader =
            v1::Jobs::NewStub(channel)->WatchMetrics(&call, request);
        return ReadAll<v1::StepMetrics>(
            *reader, call, received, [&](const v1::StepMetrics& metrics) {
              request.set_after_step(metrics.step());
              printer.Print(metrics);
              return true;
            });
      }));
  printer.End();
  return kExitOk;
}

bool IsAfter(const google::protobuf::Timestamp& a,
             const google::protobuf::Timestamp& b) {
  return std::pair(a.seconds(), a.nanos()) > std::pair(b.seconds(), b.nanos());
}

absl::StatusOr<int> RunLogs(const Options& options, Context& context) {
  Cancellation cancellation;
  google::protobuf::Timestamp last;
  v1::ReadLogsRequest request;
  request.set_name(options.name);
  request.set_follow(options.follow);
  RETURN_IF_ERROR(Follow(
      options.connection, LimitsOf(options, cancellation),
      [&](const std::shared_ptr<grpc::Channel>& channel,
          grpc::ClientContext& call, bool& received) {
        const auto reader =
            v1::Jobs::NewStub(channel)->ReadLogs(&call, request);
        // A stream begins anew with the oldest line.
        const google::protobuf::Timestamp printed_until = last;
        return ReadAll<v1::LogLine>(
            *reader, call, received, [&](const v1::LogLine& line) {
              if (!IsAfter(line.time(), printed_until)) return true;
              last = line.time();
              if (options.format == OutputFormat::kTable) {
                context.console.out << LogText(line);
              } else if (const auto json = ToJson(line, OutputFormat::kJsonl);
                         json.ok()) {
                context.console.out << *json << "\n";
              }
              context.console.out.flush();
              return true;
            });
      }));
  return kExitOk;
}

absl::StatusOr<int> RunWait(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const absl::Duration timeout, ParseTimeout(options.timeout));
  Cancellation cancellation;
  v1::Job job;
  v1::WatchRequest request;
  request.set_name(options.name);
  const absl::Status status = Follow(
      options.connection,
      {.cancellation = &cancellation, .deadline = absl::Now() + timeout},
      [&](const std::shared_ptr<grpc::Channel>& channel,
          grpc::ClientContext& call, bool& received) {
        const auto reader = v1::Jobs::NewStub(channel)->Watch(&call, request);
        const absl::Status ended = ReadAll<v1::Job>(
            *reader, call, received, [&](const v1::Job& change) {
              job = change;
              request.set_after_revision(job.revision());
              return !IsFinal(job.state());
            });
        return EndsEarlyUnless(IsFinal(job.state()), ended);
      });
  if (absl::IsDeadlineExceeded(status)) {
    context.console.err << fmt::format(
        "penstock: {} is not finished after {}; it goes on\n", options.name,
        absl::FormatDuration(timeout));
    return kExitNotFinished;
  }
  RETURN_IF_ERROR(status);
  context.console.out << fmt::format("{}: {}, {}\n", options.name,
                                     StateText(job.state()), job.reason());
  return ExitCodeOf(job.state());
}

using Runner = absl::StatusOr<int> (*)(const Options&, Context&);

CLI::App& AddCommand(CLI::App& job, const std::string& name,
                     const std::string& description, Runner runner,
                     const OptionsPtr& options, Context& context) {
  CLI::App& command = *job.add_subcommand(name, description);
  AddConnectionFlags(command, options->connection);
  command.add_option("NAME", options->name, "Name of the job")->required();
  command.callback([options, runner, &context] {
    context.run = [options, runner, &context] {
      return runner(*options, context);
    };
  });
  return command;
}

}  // namespace

void AddStreamCommands(CLI::App& job, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& metrics =
      AddCommand(job, "metrics", "Show loss, speed and bubble of each step",
                 RunMetrics, options, context);
  AddOutputFlag(metrics, options->format);
  metrics.add_flag("--follow", options->follow, "Go on until the job ends");
  CLI::App& logs =
      AddCommand(job, "logs", "Show the job's log", RunLogs, options, context);
  AddOutputFlag(logs, options->format);
  logs.add_flag("--follow", options->follow, "Go on until the job ends");
  CLI::App& wait = AddCommand(job, "wait", "Wait until the job ends", RunWait,
                              options, context);
  wait.add_option("--timeout", options->timeout,
                  "Exit with 12 when it goes on after that")
      ->option_text("DURATION")
      ->capture_default_str();
}

}  // namespace penstock
