#include "coordinator/cli/plan_memory_command.h"

#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/output_format.h"
#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/table.h"
#include "coordinator/planner/model_memory.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct Options {
  MemoryRun run;
  std::string states = "megatron-mixed";
  std::string activations = "sequence-selective";
  OutputFormat format = OutputFormat::kTable;
};

const std::map<std::string, StateBytes>& StateSchemes() {
  static const auto& schemes =
      *new std::map<std::string, StateBytes>{{"zero-paper", kZeroPaper},
                                             {"megatron-half", kMegatronHalf},
                                             {"megatron-mixed", kMegatronMixed},
                                             {"single", kSinglePrecision},
                                             {"ultra-scale", kUltraScale}};
  return schemes;
}

const std::map<std::string, ActivationPolicy>& Policies() {
  static const auto& policies = *new std::map<std::string, ActivationPolicy>{
      {"none", ActivationPolicy::kNone},
      {"tensor", ActivationPolicy::kTensor},
      {"sequence", ActivationPolicy::kTensorSequence},
      {"selective", ActivationPolicy::kTensorSelective},
      {"sequence-selective", ActivationPolicy::kTensorSequenceSelective},
      {"full", ActivationPolicy::kFull},
      {"sequence-full", ActivationPolicy::kFullTensorSequence}};
  return policies;
}

template <typename Value>
std::vector<std::string> Names(const std::map<std::string, Value>& values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values) names.push_back(name);
  return names;
}

std::string Size(double bytes) {
  return BytesText(static_cast<int64_t>(bytes));
}

std::string RanksText(const std::vector<ModelRankMemory>& ranks, int width) {
  Table table({"RANK>", "LAYERS>", "PARAMETERS>", "WEIGHTS>", "GRADIENTS>",
               "OPTIMIZER>", "IN FLIGHT>", "ACTIVATIONS>", "LOGITS>",
               "TOTAL>"});
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    const ModelRankMemory& memory = ranks[rank];
    table.AddRow({fmt::to_string(rank), fmt::to_string(memory.layers),
                  CountText(static_cast<double>(memory.parameters)),
                  Size(memory.weights), Size(memory.gradients),
                  Size(memory.optimizer), fmt::to_string(memory.in_flight),
                  Size(memory.activations), Size(memory.logits),
                  Size(memory.total())});
  }
  return table.ToString(width);
}

std::string RanksJson(const std::vector<ModelRankMemory>& ranks) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    const ModelRankMemory& memory = ranks[rank];
    rows.push_back({{"rank", rank},
                    {"layers", memory.layers},
                    {"parameters", memory.parameters},
                    {"weight_bytes", memory.weights},
                    {"gradient_bytes", memory.gradients},
                    {"optimizer_bytes", memory.optimizer},
                    {"in_flight", memory.in_flight},
                    {"activation_bytes", memory.activations},
                    {"logits_bytes", memory.logits},
                    {"total_bytes", memory.total()}});
  }
  return nlohmann::ordered_json({{"ranks", rows}}).dump(2) + "\n";
}

absl::StatusOr<int> Run(const Options& options, Context& context) {
  MemoryRun run = options.run;
  run.states = StateSchemes().at(options.states);
  run.activations = Policies().at(options.activations);
  TransformerShape& model = run.model;
  if (model.kv_heads == 0) model.kv_heads = model.heads;
  if (model.feed_forward == 0) model.feed_forward = 4 * model.hidden;
  ASSIGN_OR_RETURN(const std::vector<ModelRankMemory> ranks,
                   MemoryOfRanks(run));
  context.console.out << (options.format == OutputFormat::kTable
                              ? RanksText(ranks, context.console.width)
                              : RanksJson(ranks));
  return kExitOk;
}

void AddModelFlags(CLI::App& command, TransformerShape& model) {
  command.add_option("--layers", model.layers, "Blocks")->required();
  command.add_option("--hidden", model.hidden, "Width of a block")->required();
  command.add_option("--heads", model.heads, "Attention heads")->required();
  command.add_option("--kv-heads", model.kv_heads,
                     "Key and value heads; default: as many as heads");
  command.add_option("--feed-forward", model.feed_forward,
                     "Width of the MLP; default: 4 x hidden");
  command.add_flag("--gated", model.gated,
                   "SwiGLU and RMS norm, as in Llama, not GELU and biases");
  command.add_option("--vocabulary", model.vocabulary, "Tokens known")
      ->required();
  command.add_option("--positions", model.positions,
                     "Learned positions; 0 for rotary ones");
  command.add_flag("--tied", model.tied, "The head is the embedding");
}

void AddRunFlags(CLI::App& command, Options& options) {
  MemoryRun& run = options.run;
  command.add_option("--sequence", run.sequence, "Tokens of a sample")
      ->capture_default_str();
  command
      .add_option("--micro-batch", run.micro_batch, "Samples of a micro-batch")
      ->capture_default_str();
  command.add_option("--micro-batches", run.microbatches,
                     "Per step; default: as many as ranks");
  command.add_option("--tensor", run.tensor, "Tensor-parallel ranks")
      ->capture_default_str();
  command.add_option("--pipeline", run.pipeline, "Ranks of a pipeline")
      ->capture_default_str();
  command
      .add_option("--stages-per-rank", run.stages_per_rank,
                  "More than 1: interleaved 1F1B")
      ->capture_default_str();
  command.add_option("--data", run.data, "Replicas")->capture_default_str();
  command
      .add_option("--zero", run.zero_stage,
                  "What replicas share: 1 optimizer, 2 gradients, 3 weights")
      ->capture_default_str();
  command.add_option("--states", options.states, "Bytes per parameter")
      ->check(CLI::IsMember(Names(StateSchemes())))
      ->capture_default_str();
  command
      .add_option("--activations", options.activations,
                  "What is spread over tensor ranks and what is recomputed")
      ->check(CLI::IsMember(Names(Policies())))
      ->capture_default_str();
}

}  // namespace

void AddPlanMemoryCommand(CLI::App& plan, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *plan.add_subcommand(
      "memory", "What each rank would hold, by the formulas of the papers");
  AddModelFlags(command, options->run.model);
  AddRunFlags(command, *options);
  AddOutputFlag(command, options->format);
  command.callback([options, &context] {
    context.run = [options, &context] { return Run(*options, context); };
  });
}

}  // namespace penstock
