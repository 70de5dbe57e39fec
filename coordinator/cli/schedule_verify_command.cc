#include "coordinator/cli/schedule_verify_command.h"

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/schedule_file.h"
#include "coordinator/schedule/verify.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct Options {
  ScheduleFileFlags file;
  std::string form = "text";
};

absl::Status Prove(const ScheduleFile& file) {
  if (!file.lowered) return VerifyCompute(file.schedule);
  return VerifyLowered(file.schedule).status();
}

void Print(const Options& options, const ScheduleFile& file,
           const absl::Status& proof, Context& context) {
  const Schedule& schedule = file.schedule;
  int64_t actions = 0;
  for (const auto& program : schedule.programs) actions += std::ssize(program);
  if (options.form == "json") {
    const nlohmann::ordered_json json = {
        {"ok", proof.ok()},
        {"refusal", std::string(proof.message())},
        {"lowered", file.lowered},
        {"ranks", schedule.ranks()},
        {"stages", schedule.stages()},
        {"microbatches", schedule.microbatches},
        {"actions", actions}};
    context.console.out << json.dump(2) << "\n";
  } else if (proof.ok()) {
    context.console.out << fmt::format(
        "OK: {}: {} ranks, {} stages, {} micro-batches, {} actions, {}\n",
        options.file.path, schedule.ranks(), schedule.stages(),
        schedule.microbatches, actions,
        file.lowered ? "lowered" : "compute-only");
  } else {
    context.console.err << fmt::format("penstock: {}: refused: {}\n",
                                       options.file.path,
                                       std::string(proof.message()));
  }
}

absl::StatusOr<int> Run(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const ScheduleFile file, ReadScheduleFile(options.file));
  const absl::Status proof = Prove(file);
  Print(options, file, proof, context);
  return proof.ok() ? kExitOk : kExitRefused;
}

}  // namespace

void AddScheduleVerifyCommand(CLI::App& schedule, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& verify = *schedule.add_subcommand(
      "verify", "Prove a schedule in PyTorch's CSV, or say what is wrong");
  verify.add_option("FILE", options->file.path, "The schedule, a row per rank")
      ->required();
  AddPlacementFlag(verify, options->file);
  verify
      .add_option("--microbatches", options->file.microbatches,
                  "Per step; as many as the file names")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  verify.add_option("-o,--output", options->form, "Form of the output")
      ->check(CLI::IsMember({"text", "json"}))
      ->option_text("text|json");
  verify.callback([options, &context] {
    context.run = [options, &context] { return Run(*options, context); };
  });
}

}  // namespace penstock
