#include "coordinator/cli/schedule_verify_command.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/schedule_file.h"
#include "coordinator/schedule/check_memory.h"
#include "coordinator/schedule/lower.h"
#include "coordinator/schedule/verify.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct Options {
  ScheduleFileFlags file;
  std::vector<int64_t> activation_bytes;
  std::vector<int64_t> boundary_bytes;
  std::vector<int64_t> fixed_bytes;
  std::vector<int64_t> memory_bytes;
  std::string form = "text";
};

// One value for all, or one each.
absl::StatusOr<std::vector<int64_t>> Spread(const std::string& flag,
                                            const std::vector<int64_t>& values,
                                            int count, int64_t otherwise) {
  if (values.size() <= 1) {
    return std::vector<int64_t>(static_cast<size_t>(count),
                                values.empty() ? otherwise : values[0]);
  }
  if (std::ssize(values) == count) return values;
  return absl::InvalidArgumentError(fmt::format(
      "{} has {} values; give one for all, or {}", flag, values.size(), count));
}

absl::StatusOr<ScheduleMemory> MemoryOf(const Options& options,
                                        const Schedule& schedule) {
  const int slices = schedule.stages_per_copy();
  ASSIGN_OR_RETURN(
      const std::vector<int64_t> activation,
      Spread("--activation-bytes", options.activation_bytes, slices, 0));
  ASSIGN_OR_RETURN(
      const std::vector<int64_t> boundary,
      Spread("--boundary-bytes", options.boundary_bytes, slices - 1, 0));
  ScheduleMemory memory;
  ASSIGN_OR_RETURN(memory.fixed, Spread("--fixed-bytes", options.fixed_bytes,
                                        schedule.ranks(), 0));
  ASSIGN_OR_RETURN(memory.limit, Spread("--memory-bytes", options.memory_bytes,
                                        schedule.ranks(),
                                        std::numeric_limits<int64_t>::max()));
  for (int stage = 0; stage < schedule.stages(); ++stage) {
    const int slice = schedule.SliceOf(stage);
    memory.stages.push_back(
        {.activation = activation[slice],
         .before = slice > 0 ? boundary[slice - 1] : 0,
         .after = slice + 1 < slices ? boundary[slice] : 0});
  }
  return memory;
}

absl::Status Prove(const ScheduleFile& file, const Options& options) {
  if (!file.lowered) RETURN_IF_ERROR(VerifyCompute(file.schedule));
  Schedule lowered = file.schedule;
  if (!file.lowered) {
    ASSIGN_OR_RETURN(lowered, Lower(file.schedule, {}));
  }
  RETURN_IF_ERROR(VerifyLowered(lowered).status());
  if (options.memory_bytes.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const ScheduleMemory memory, MemoryOf(options, lowered));
  return CheckMemory(lowered, memory);
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
  const absl::Status proof = Prove(file, options);
  Print(options, file, proof, context);
  return proof.ok() ? kExitOk : kExitRefused;
}

void AddBytes(CLI::App& verify, const std::string& name,
              std::vector<int64_t>& values, const std::string& description) {
  verify.add_option(name, values, description)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::NonNegativeNumber)
      ->group("Memory: one value, or one per stage, link or rank with commas")
      ->option_text("N[,N...]");
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
  AddBytes(verify, "--activation-bytes", options->activation_bytes,
           "Kept by a stage per micro-batch from F to backward");
  AddBytes(verify, "--boundary-bytes", options->boundary_bytes,
           "Of a tensor between two stages");
  AddBytes(verify, "--fixed-bytes", options->fixed_bytes,
           "Held by a rank all the time: weights, gradients, optimizer");
  AddBytes(verify, "--memory-bytes", options->memory_bytes,
           "That a rank has; also proves that it suffices");
  verify.add_option("-o,--output", options->form, "Form of the output")
      ->check(CLI::IsMember({"text", "json"}))
      ->option_text("text|json");
  verify.callback([options, &context] {
    context.run = [options, &context] { return Run(*options, context); };
  });
}

}  // namespace penstock
