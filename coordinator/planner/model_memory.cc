#include "coordinator/planner/model_memory.h"

#include <string_view>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// So that no count of parameters overflows.
constexpr int64_t kSizeMax = int64_t{1} << 24;
constexpr int64_t kLayersMax = int64_t{1} << 14;
constexpr int64_t kWidthMax = int64_t{1} << 17;

absl::Status CheckSizes(const MemoryRun& run) {
  struct Size {
    std::string_view name;
    int64_t value;
    int64_t min = 1;
    int64_t max = kSizeMax;
  };
  const TransformerShape& model = run.model;
  for (const Size& size :
       {Size{"layers", model.layers, 1, kLayersMax},
        Size{"hidden", model.hidden, 1, kWidthMax},
        Size{"heads", model.heads, 1, kWidthMax},
        Size{"kv-heads", model.kv_heads, 1, kWidthMax},
        Size{"feed-forward", model.feed_forward, 1, kWidthMax},
        Size{"vocabulary", model.vocabulary},
        Size{"positions", model.positions, 0}, Size{"sequence", run.sequence},
        Size{"micro-batch", run.micro_batch},
        Size{"micro-batches", run.microbatches, 0}, Size{"tensor", run.tensor},
        Size{"pipeline", run.pipeline},
        Size{"stages-per-rank", run.stages_per_rank}, Size{"data", run.data}}) {
    if (size.value >= size.min && size.value <= size.max) continue;
    return absl::InvalidArgumentError(
        fmt::format("{}: {}: must be from {} to {}", size.name, size.value,
                    size.min, size.max));
  }
  if (run.zero_stage < 0 || run.zero_stage > 3) {
    return absl::InvalidArgumentError(
        fmt::format("zero: {}: must be from 0 to 3", run.zero_stage));
  }
  return absl::OkStatus();
}

absl::Status CheckDivides(std::string_view name, int64_t divisor,
                          std::string_view of, int64_t value) {
  if (value % divisor == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "{}: {}: must divide {}, which is {}", name, divisor, of, value));
}

absl::Status CheckRun(const MemoryRun& run) {
  RETURN_IF_ERROR(CheckSizes(run));
  const int64_t stages = run.pipeline * run.stages_per_rank;
  if (stages > run.model.layers) {
    return absl::InvalidArgumentError(
        fmt::format("pipeline: {} x {} stages: must be at most the {} layers",
                    run.pipeline, run.stages_per_rank, run.model.layers));
  }
  RETURN_IF_ERROR(
      CheckDivides("heads", run.model.heads, "hidden", run.model.hidden));
  if (run.stages_per_rank == 1) return absl::OkStatus();
  return CheckDivides("pipeline x stages-per-rank", stages, "layers",
                      run.model.layers);
}

int64_t LayersOf(const MemoryRun& run, int64_t rank) {
  const int64_t rest = run.model.layers % run.pipeline;
  return run.model.layers / run.pipeline + (rank < rest ? 1 : 0);
}

int64_t InFlightOf(const MemoryRun& run, int64_t rank) {
  const int64_t microbatches =
      run.microbatches > 0 ? run.microbatches : run.pipeline;
  return run.stages_per_rank == 1
             ? InFlight1F1B(run.pipeline, rank, microbatches)
             : InFlightInterleaved(run.pipeline, rank, run.stages_per_rank,
                                   microbatches);
}

ModelRankMemory MemoryOfRank(const MemoryRun& run, int64_t rank) {
  const bool last = rank + 1 == run.pipeline;
  ModelRankMemory memory{.layers = LayersOf(run, rank)};
  int64_t parameters = memory.layers * LayerParameters(run.model);
  if (rank == 0) parameters += EmbeddingParameters(run.model);
  if (last) {
    parameters += HeadParameters(run.model);
    // A tied weight lies on both ends of a pipeline.
    if (run.model.tied && rank > 0) {
      parameters += run.model.vocabulary * run.model.hidden;
    }
  }
  memory.parameters = parameters / run.tensor;
  const StateBytes states = Sharded(run.states, run.zero_stage, run.data);
  const auto count = static_cast<double>(memory.parameters);
  memory.weights = states.weights * count;
  memory.gradients = states.gradients * count;
  memory.optimizer = states.optimizer * count;
  memory.in_flight = InFlightOf(run, rank);
  const ActivationShape shape = {.sequence = run.sequence,
                                 .micro_batch = run.micro_batch,
                                 .hidden = run.model.hidden,
                                 .heads = run.model.heads,
                                 .tensor = run.tensor};
  memory.activations = ActivationBytesPerLayer(shape, run.activations) *
                       static_cast<double>(memory.layers * memory.in_flight) /
                       static_cast<double>(run.stages_per_rank);
  if (last) {
    const LogitsBytes logits = LogitsOf(shape, run.model.vocabulary);
    memory.logits = logits.half + logits.single;
  }
  return memory;
}

}  // namespace

absl::StatusOr<std::vector<ModelRankMemory>> MemoryOfRanks(
    const MemoryRun& run) {
  RETURN_IF_ERROR(CheckRun(run));
  std::vector<ModelRankMemory> ranks;
  for (int64_t rank = 0; rank < run.pipeline; ++rank) {
    ranks.push_back(MemoryOfRank(run, rank));
  }
  return ranks;
}

}  // namespace penstock
