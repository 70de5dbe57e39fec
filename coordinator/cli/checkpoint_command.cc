#include "coordinator/cli/checkpoint_command.h"

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/table.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint.h"
#include "proto/file/hugging_face_export.h"
#include "proto/file/weight_hash.h"

namespace penstock {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string path;
  std::string form = "table";
  std::string format = "hf";
  std::string output;
};

bool IsJson(const Options& options) { return options.form == "json"; }

void Print(const Json& value, Context& context) {
  // Paths may be no UTF-8.
  context.console.out << value.dump(2, ' ', false,
                                    Json::error_handler_t::replace)
                      << "\n";
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string ListText(const std::vector<CheckpointEntry>& entries, int width) {
  Table table({"STEP>", "SIZE>", "TIME", "PATH"});
  for (const CheckpointEntry& entry : entries) {
    table.AddRow({fmt::format("{}", entry.step),
                  BytesText(static_cast<int64_t>(entry.bytes)),
                  TimeText(entry.time), entry.path});
  }
  return table.ToString(width);
}

Json ListJson(const std::vector<CheckpointEntry>& entries) {
  Json list = Json::array();
  for (const CheckpointEntry& entry : entries) {
    list.push_back({{"path", entry.path},
                    {"step", entry.step},
                    {"bytes", entry.bytes},
                    {"time", TimeText(entry.time)}});
  }
  return list;
}

absl::StatusOr<int> RunList(const Options& options, Context& context) {
  std::error_code error;
  if (!std::filesystem::is_directory(options.path, error)) {
    return absl::NotFoundError(
        fmt::format("{} is no directory; name the one that holds a job's "
                    "checkpoints",
                    options.path));
  }
  ASSIGN_OR_RETURN(const std::vector<CheckpointEntry> entries,
                   ListCheckpoints(options.path));
  if (IsJson(options)) {
    Print(ListJson(entries), context);
  } else if (entries.empty()) {
    context.console.err << options.path << " has no complete checkpoint\n";
  } else {
    context.console.out << ListText(entries, context.console.width);
  }
  return kExitOk;
}

absl::StatusOr<int> RunVerify(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const Manifest manifest, VerifyCheckpoint(options.path));
  uint64_t bytes = 0;
  size_t tensors = 0;
  for (const ShardFile& shard : manifest.shards) {
    bytes += shard.size;
    tensors += shard.tensors.size();
  }
  if (IsJson(options)) {
    Print({{"path", options.path},
           {"job", manifest.job},
           {"step", manifest.step},
           {"samples", manifest.samples},
           {"shards", manifest.shards.size()},
           {"tensors", tensors},
           {"bytes", bytes}},
          context);
    return kExitOk;
  }
  context.console.out << fmt::format(
      "{}: good; job {}, step {}, {} tensors in {} shards, {}\n", options.path,
      manifest.job, manifest.step, tensors, manifest.shards.size(),
      BytesText(static_cast<int64_t>(bytes)));
  return kExitOk;
}

absl::StatusOr<int> RunHash(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const std::string hash, HashWeights(options.path));
  if (IsJson(options)) {
    Print({{"path", options.path}, {"hash", hash}}, context);
  } else {
    context.console.out << hash << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> RunExport(const Options& options, Context& context) {
  RETURN_IF_ERROR(ExportHuggingFace(options.path, options.output, RealDisk()));
  context.console.out << fmt::format(
      "{}: weights of {} in Hugging Face's form\n", options.output,
      options.path);
  return kExitOk;
}

using Runner = absl::StatusOr<int> (*)(const Options&, Context&);

struct Command {
  const char* name;
  const char* description;
  const char* argument;
  Runner runner;
};

constexpr Command kReaders[] = {
    {"list", "List the complete checkpoints of a job, oldest first", "DIR",
     RunList},
    {"verify", "Prove a checkpoint whole: sizes, checksums, tensors", "PATH",
     RunVerify},
    {"hash", "Print one hash over all weights in name order", "PATH", RunHash}};

CLI::App& Add(CLI::App& app, const Command& added,
              const std::shared_ptr<Options>& options, Context& context) {
  CLI::App& command = *app.add_subcommand(added.name, added.description);
  command.add_option(added.argument, options->path, "A directory")->required();
  const Runner runner = added.runner;
  command.callback([options, runner, &context] {
    context.run = [options, runner, &context] {
      return runner(*options, context);
    };
  });
  return command;
}

}  // namespace

void AddCheckpointCommands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& checkpoint = *app.add_subcommand(
      "checkpoint", "List, check and export checkpoints on this machine");
  checkpoint.require_subcommand(1);
  for (const Command& reader : kReaders) {
    Add(checkpoint, reader, options, context)
        .add_option("-o,--output", options->form, "Form of the output")
        ->check(CLI::IsMember({"table", "json"}))
        ->option_text("table|json");
  }
  CLI::App& exporter =
      Add(checkpoint,
          {"export", "Write the weights in the form of another program", "PATH",
           RunExport},
          options, context);
  exporter.add_option("--format", options->format, "hf: Hugging Face's")
      ->check(CLI::IsMember({"hf"}))
      ->option_text("hf");
  exporter
      .add_option("-o,--output", options->output, "The directory to create")
      ->required()
      ->option_text("DIR");
}

}  // namespace penstock
