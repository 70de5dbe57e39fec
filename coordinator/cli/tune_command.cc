#include "coordinator/cli/tune_command.h"

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "coordinator/cli/connection.h"
#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/interrupt.h"
#include "coordinator/cli/job_file.h"
#include "coordinator/cli/job_file_edit.h"
#include "coordinator/cli/timeout.h"
#include "coordinator/cli/tune_report.h"
#include "coordinator/cli/tune_trial.h"
#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct Options {
  ConnectionFlags connection;
  std::string file;
  std::vector<int64_t> sizes;
  int64_t steps = 6;
  std::string timeout = "10m";
  std::string drawing;
  std::string form = "table";
  bool keep = false;
};

// The job of one size: as long as it takes to measure, from new weights.
v1::JobSpec SpecOf(const v1::JobSpec& spec, int64_t size, int64_t samples,
                   int64_t steps) {
  v1::JobSpec trial = spec;
  trial.set_name(fmt::format("{}-tune-{}", spec.name(), size));
  trial.mutable_batch()->set_micro_batch_size(size);
  trial.mutable_batch()->set_micro_batches(samples / size);
  trial.set_steps(steps);
  trial.clear_checkpoint();
  trial.mutable_checkpoint()->set_keep(1);
  return trial;
}

int64_t SamplesOf(const v1::BatchSpec& batch) {
  const int64_t size =
      batch.has_micro_batch_size() ? batch.micro_batch_size() : 1;
  const int64_t count = batch.has_micro_batches() ? batch.micro_batches() : 1;
  return size * count;
}

absl::Status WriteBest(const Options& options, const std::string& text,
                       const TuneResult& best, Context& context) {
  if (options.keep) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string edited,
                   SetBatch(text, best.micro_batch_size, best.micro_batches));
  ASSIGN_OR_RETURN(const std::string now, ReadFile(options.file));
  if (now != text) {
    return absl::FailedPreconditionError(fmt::format(
        "{} was changed meanwhile and is left as it is", options.file));
  }
  RETURN_IF_ERROR(WriteFileAtomically(options.file, edited));
  context.console.err << fmt::format(
      "{}: micro_batch_size {}, micro_batches {}\n", options.file,
      best.micro_batch_size, best.micro_batches);
  return absl::OkStatus();
}

// Prints and draws what is known.
absl::Status Report(const Options& options, const std::string& job,
                    const std::vector<TuneResult>& results, Context& context) {
  if (options.form == "json") {
    context.console.out << TuneJson(results) << "\n";
  } else {
    context.console.out << TuneTable(results, context.console.width);
  }
  const std::string path =
      options.drawing.empty()
          ? std::filesystem::path(options.file).replace_extension().string() +
                "-tune.svg"
          : options.drawing;
  RETURN_IF_ERROR(WriteFileAtomically(path, TuneDrawing(job, results)));
  context.console.err << path << ": the trade-off\n";
  return absl::OkStatus();
}

absl::StatusOr<int> Run(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const absl::Duration timeout, ParseTimeout(options.timeout));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(options.file));
  std::error_code error;
  const std::string directory = std::filesystem::current_path(error).string();
  if (error) return absl::NotFoundError("the current directory is gone");
  ASSIGN_OR_RETURN(const v1::JobSpec spec,
                   ParseJobFile(text, options.file, directory));
  const int64_t samples = SamplesOf(spec.batch());
  ASSIGN_OR_RETURN(const std::vector<int64_t> sizes,
                   SizesToTune(options.sizes, samples));
  const InterruptGuard interrupt;
  std::vector<TuneResult> results;
  for (const int64_t size : sizes) {
    context.console.err << fmt::format("{} x {} samples: {} steps\n",
                                       samples / size, size, options.steps);
    absl::StatusOr<TuneResult> result =
        RunTrial(options.connection, SpecOf(spec, size, samples, options.steps),
                 {.timeout = timeout,
                  .interrupted = [&] { return interrupt.interrupted(); }});
    if (absl::IsCancelled(result.status()) && interrupt.interrupted()) {
      context.console.err << "penstock: interrupted; the job was cancelled "
                             "and nothing was written\n";
      return kExitCancelled;
    }
    RETURN_IF_ERROR(result.status());
    results.push_back(*std::move(result));
  }
  RETURN_IF_ERROR(Report(options, spec.name(), results, context));
  const TuneResult* best = BestOf(results);
  if (best == nullptr) {
    context.console.err << "penstock: no size could be measured\n";
    return kExitNotPlaced;
  }
  RETURN_IF_ERROR(WriteBest(options, text, *best, context));
  return kExitOk;
}

}  // namespace

void AddTuneCommand(CLI::App& job, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& tune = *job.add_subcommand(
      "tune",
      "Measure micro-batch sizes and write the fastest into the job file");
  AddConnectionFlags(tune, options->connection);
  tune.add_option("-f,--file", options->file, "Job file (YAML)")
      ->required()
      ->option_text("FILE");
  tune.add_option("--sizes", options->sizes,
                  "Samples per micro-batch to try; those of a step stay the "
                  "same")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("N[,N...]");
  tune.add_option("--steps", options->steps,
                  "Of each job; the first is left "
                  "out")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  tune.add_option("--timeout", options->timeout, "Of each job")
      ->option_text("DURATION")
      ->capture_default_str();
  tune.add_option("--svg", options->drawing,
                  "Where to draw the trade-off; beside the job file")
      ->option_text("FILE");
  tune.add_flag("--keep", options->keep, "Leave the job file as it is");
  tune.add_option("-o,--output", options->form, "Form of the output")
      ->check(CLI::IsMember({"table", "json"}))
      ->option_text("table|json");
  tune.callback([options, &context] {
    context.run = [options, &context] { return Run(*options, context); };
  });
}

}  // namespace penstock
