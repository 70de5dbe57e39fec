#include "coordinator/cli/job_commands.h"

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "coordinator/cli/call.h"
#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/job_file.h"
#include "coordinator/cli/job_text.h"
#include "coordinator/cli/output_format.h"
#include "coordinator/cli/plan_text.h"
#include "coordinator/cli/watch_command.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/v1/jobs.grpc.pb.h"

namespace penstock {
namespace {

using v1::Jobs;

// Of all commands here; each uses what it has flags for.
struct Options {
  ConnectionFlags connection;
  OutputFormat format = OutputFormat::kTable;
  std::string file;
  std::string name;
  bool watch = false;
  v1::ParallelismSpec parallelism;
};

using OptionsPtr = std::shared_ptr<Options>;

// The jobs can never fit, or name a job's state that does not allow it: the
// same code, but only the first is about placement.
absl::StatusOr<int> NotPlacedOr(const absl::Status& status, Context& context) {
  if (!absl::IsFailedPrecondition(status)) return status;
  context.console.err << "penstock: " << std::string(status.message()) << "\n";
  return kExitNotPlaced;
}

absl::StatusOr<v1::JobSpec> ReadSpec(const Options& options) {
  std::error_code error;
  const std::string directory = std::filesystem::current_path(error).string();
  if (error) return absl::NotFoundError("the current directory is gone");
  return ReadJobFile(options.file, directory);
}

absl::Status PrintJson(const google::protobuf::Message& message,
                       OutputFormat format, Context& context) {
  ASSIGN_OR_RETURN(const std::string json, ToJson(message, format));
  context.console.out << json << "\n";
  return absl::OkStatus();
}

absl::StatusOr<int> RunSubmit(const Options& options, Context& context) {
  v1::SubmitRequest request;
  request.set_request_id(NewRequestId());
  ASSIGN_OR_RETURN(*request.mutable_spec(), ReadSpec(options));
  const auto job = Call<Jobs>(options.connection, &Jobs::Stub::Submit, request);
  if (!job.ok()) return NotPlacedOr(job.status(), context);
  if (options.watch) {
    return WatchJob(options.connection, job->spec().name(), context);
  }
  if (options.format != OutputFormat::kTable) {
    RETURN_IF_ERROR(PrintJson(*job, options.format, context));
    return kExitOk;
  }
  context.console.out << fmt::format(
      "{}: {}, {}\nWatch it with: penstock job watch {}{}\n",
      job->spec().name(), StateText(job->state()), job->reason(),
      job->spec().name(), FlagsText(options.connection));
  return kExitOk;
}

absl::StatusOr<int> RunPlan(const Options& options, Context& context) {
  v1::MakePlanRequest request;
  ASSIGN_OR_RETURN(*request.mutable_spec(), ReadSpec(options));
  const auto job =
      Call<Jobs>(options.connection, &Jobs::Stub::MakePlan, request);
  if (!job.ok()) return NotPlacedOr(job.status(), context);
  if (options.format == OutputFormat::kTable) {
    context.console.out << PlanText(*job, context.console.width);
  } else {
    RETURN_IF_ERROR(PrintJson(*job, options.format, context));
  }
  return kExitOk;
}

// All pages.
absl::StatusOr<std::vector<v1::Job>> ListJobs(const ConnectionFlags& flags) {
  constexpr size_t kJobsMax = 100'000;
  std::vector<v1::Job> jobs;
  v1::ListRequest request;
  do {
    ASSIGN_OR_RETURN(const v1::ListResponse response,
                     Call<Jobs>(flags, &Jobs::Stub::List, request));
    jobs.insert(jobs.end(), response.jobs().begin(), response.jobs().end());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() && jobs.size() < kJobsMax);
  return jobs;
}

absl::StatusOr<int> RunList(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs,
                   ListJobs(options.connection));
  std::ostream& out = context.console.out;
  switch (options.format) {
    case OutputFormat::kTable:
      out << JobsText(jobs, absl::Now(), context.console.width);
      break;
    case OutputFormat::kJson: {
      v1::ListResponse all;
      all.mutable_jobs()->Assign(jobs.begin(), jobs.end());
      RETURN_IF_ERROR(PrintJson(all, options.format, context));
      break;
    }
    case OutputFormat::kJsonl:
      for (const v1::Job& job : jobs) {
        RETURN_IF_ERROR(PrintJson(job, options.format, context));
      }
  }
  return kExitOk;
}

absl::StatusOr<int> RunGet(const Options& options, Context& context) {
  v1::GetRequest request;
  request.set_name(options.name);
  ASSIGN_OR_RETURN(const v1::Job job,
                   Call<Jobs>(options.connection, &Jobs::Stub::Get, request));
  if (options.format != OutputFormat::kTable) {
    RETURN_IF_ERROR(PrintJson(job, options.format, context));
    return kExitOk;
  }
  context.console.out << JobText(job, absl::Now(), context.console.width)
                      << "\n"
                      << PlanText(job, context.console.width);
  return kExitOk;
}

// What cancel, pause and resume print.
absl::StatusOr<int> PrintChange(const v1::Job& job, const Options& options,
                                Context& context) {
  if (options.format != OutputFormat::kTable) {
    RETURN_IF_ERROR(PrintJson(job, options.format, context));
    return kExitOk;
  }
  context.console.out << fmt::format("{}: {}, {}\n", job.spec().name(),
                                     StateText(job.state()), job.reason());
  return kExitOk;
}

absl::StatusOr<int> RunCancel(const Options& options, Context& context) {
  v1::CancelRequest request;
  request.set_request_id(NewRequestId());
  request.set_name(options.name);
  ASSIGN_OR_RETURN(const v1::Job job, Call<Jobs>(options.connection,
                                                 &Jobs::Stub::Cancel, request));
  return PrintChange(job, options, context);
}

absl::StatusOr<int> RunPause(const Options& options, Context& context) {
  v1::PauseRequest request;
  request.set_request_id(NewRequestId());
  request.set_name(options.name);
  ASSIGN_OR_RETURN(const v1::Job job,
                   Call<Jobs>(options.connection, &Jobs::Stub::Pause, request));
  return PrintChange(job, options, context);
}

absl::StatusOr<int> RunResume(const Options& options, Context& context) {
  v1::ResumeRequest request;
  request.set_request_id(NewRequestId());
  request.set_name(options.name);
  *request.mutable_parallelism() = options.parallelism;
  ASSIGN_OR_RETURN(const v1::Job job, Call<Jobs>(options.connection,
                                                 &Jobs::Stub::Resume, request));
  return PrintChange(job, options, context);
}

using Runner = absl::StatusOr<int> (*)(const Options&, Context&);

// A sub-command with the flags that all have.
CLI::App& AddCommand(CLI::App& job, const std::string& name,
                     const std::string& description, Runner runner,
                     const OptionsPtr& options, Context& context) {
  CLI::App& command = *job.add_subcommand(name, description);
  AddConnectionFlags(command, options->connection);
  AddOutputFlag(command, options->format);
  command.callback([options, runner, &context] {
    context.run = [options, runner, &context] {
      return runner(*options, context);
    };
  });
  return command;
}

void AddFile(CLI::App& command, const OptionsPtr& options) {
  command.add_option("-f,--file", options->file, "Job file (YAML)")
      ->required()
      ->option_text("FILE");
}

void AddName(CLI::App& command, const OptionsPtr& options) {
  command.add_option("NAME", options->name, "Name of the job")->required();
}

void AddParallelism(CLI::App& command, const OptionsPtr& options) {
  command.add_option_function<int64_t>(
      "--pipeline",
      [options](int64_t ranks) { options->parallelism.set_pipeline(ranks); },
      "Continue with so many ranks in a pipeline");
  command.add_option_function<int64_t>(
      "--data",
      [options](int64_t replicas) { options->parallelism.set_data(replicas); },
      "Continue with so many replicas");
  command.add_option_function<std::string>(
      "--schedule",
      [options](const std::string& schedule) {
        options->parallelism.set_schedule(schedule);
      },
      "Continue with this schedule");
}

}  // namespace

void AddJobCommands(CLI::App& job, Context& context) {
  const auto options = std::make_shared<Options>();
  const auto add = [&](const std::string& name, const std::string& description,
                       Runner runner) -> CLI::App& {
    return AddCommand(job, name, description, runner, options, context);
  };
  CLI::App& submit =
      add("submit", "Queue a job; it starts when devices are free", RunSubmit);
  AddFile(submit, options);
  submit.add_flag("--watch", options->watch,
                  "Show the plan and each step; Ctrl-C leaves the job running");
  AddFile(add("plan", "Show what submit would do, without doing it", RunPlan),
          options);
  add("list", "List jobs, newest first", RunList);
  AddName(add("get", "Show one job and its plan", RunGet), options);
  AddName(add("cancel", "End a job without a checkpoint", RunCancel), options);
  AddName(add("pause", "Write a checkpoint and free the devices", RunPause),
          options);
  CLI::App& resume =
      add("resume", "Continue a paused job from its checkpoint", RunResume);
  AddName(resume, options);
  AddParallelism(resume, options);
}

}  // namespace penstock
