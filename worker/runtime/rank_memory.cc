#include "worker/runtime/rank_memory.h"

#include <algorithm>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <variant>

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/status_macros.h"
#include "worker/runtime/model_stage.h"
#include "worker/runtime/sim_stage.h"

namespace penstock {
namespace {

BufferPool CutPool(int count, int64_t bytes, Arena& arena) {
  const int64_t stride = (bytes + 255) / 256 * 256;
  return BufferPool(arena.Take(count * stride), count, stride);
}

void CutPools(const StageBuffers& buffers, Arena& arena, StageMemory& stage) {
  const StageSizes& sizes = stage.sizes;
  stage.activations = CutPool(buffers.activations, sizes.saved, arena);
  stage.deferred = CutPool(buffers.deferred, sizes.deferred, arena);
  if (sizes.boundary_in > 0) {
    stage.inputs = CutPool(buffers.inputs, sizes.boundary_in, arena);
    stage.input_gradients =
        CutPool(buffers.input_gradients, sizes.boundary_in, arena);
  }
  if (sizes.boundary_out > 0) {
    stage.outputs = CutPool(buffers.outputs, sizes.boundary_out, arena);
    stage.output_gradients =
        CutPool(buffers.output_gradients, sizes.boundary_out, arena);
  }
}

// One for all stages: passes of a rank follow each other.
void CutWorkspace(const std::vector<StageBuffers>& buffers, Arena& arena,
                  std::vector<StageMemory>& stages) {
  int64_t bytes = 0;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const StageSizes& sizes = stages[i].sizes;
    bytes = std::max(bytes, buffers[i].whole_backward ? sizes.backward_workspace
                                                      : sizes.workspace);
  }
  std::byte* const workspace = arena.Take(bytes);
  for (StageMemory& stage : stages) stage.workspace = workspace;
}

// Cuts what stays of the memory of one rank, in an order that depends on the
// plan alone.
class Cutter {
 public:
  // `snapshot`: that of checkpoints is in the arena, too.
  Cutter(const Plan& plan, int rank, Arena& arena, bool snapshot)
      : plan_(plan), rank_(rank), arena_(arena), snapshot_(snapshot) {}

  RankMemory Cut() {
    for (const StageBuffers& buffers : plan_.ranks[rank_].buffers) {
      StageMemory& stage = memory_.stages.emplace_back();
      stage.stage = buffers.stage;
      stage.sizes = SizesOf(plan_, buffers.stage);
      stage.versions = buffers.versions;
      if (TrainedModelOf(plan_) != nullptr) CutWeights(stage);
    }
    if (TrainedModelOf(plan_) != nullptr) {
      CutTied();
      CutSnapshot();
      CutKept();
    }
    const int64_t summands =
        std::max<int64_t>(plan_.spec.parallelism.data, plan_.copies);
    if (summands > 1) {
      memory_.reduce_chunks = arena_.TakeFloats(summands * kReduceChunkFloats);
    }
    return std::move(memory_);
  }

 private:
  // The rank's own copy of a weight that it needs twice.
  ParameterSlot* FindSlot(const std::string& name) {
    for (ParameterSlot& slot : memory_.parameters) {
      if (slot.parameter.name == name) return &slot;
    }
    return nullptr;
  }

  void CutWeights(StageMemory& stage) {
    const Architecture& config = *TrainedModelOf(plan_);
    const StagePlan& plan = plan_.stages[stage.stage];
    const std::vector<Parameter> all = AllParameters(config);
    std::map<std::string, int64_t> index;
    for (const Parameter& parameter : all)
      index.emplace(parameter.name, std::ssize(index));
    for (int64_t unit = plan.unit_begin; unit < plan.unit_end; ++unit) {
      for (const Parameter& parameter : UnitParameters(config, unit)) {
        stage.gradient_count += parameter.count();
      }
    }
    stage.gradients = arena_.TakeFloats(stage.gradient_count);
    float* gradient = stage.gradients;
    const bool first_copy = CopyOf(plan_, stage.stage) == 0;
    const bool has_embedding = rank_ == plan_.stages.front().rank;
    for (int64_t unit = plan.unit_begin; unit < plan.unit_end; ++unit) {
      std::vector<LayerWeight>& weights = stage.unit_weights.emplace_back();
      for (const Parameter& parameter : UnitParameters(config, unit)) {
        const bool tied = parameter.name == all.front().name;
        const bool second_use = tied && unit + 1 == UnitCount(config);
        const ParameterSlot* same = tied ? FindSlot(parameter.name) : nullptr;
        const bool counted = first_copy && (!second_use || has_embedding);
        const ParameterSlot& slot =
            same != nullptr ? *same
                            : AddSlot(parameter, index.at(parameter.name),
                                      stage, gradient, counted);
        weights.push_back({.value = slot.weight,
                           .gradient = gradient,
                           .rounded = slot.rounded});
        if (tied) tied_gradients_.push_back(gradient);
        if (gradient != nullptr) gradient += parameter.count();
      }
    }
  }

  const ParameterSlot& AddSlot(const Parameter& parameter, int64_t model_index,
                               const StageMemory& stage, float* gradient,
                               bool counted) {
    const int64_t count = parameter.count();
    std::vector<float*> versions;
    std::vector<std::byte*> rounded;
    for (int i = 0; i < stage.versions; ++i) {
      versions.push_back(arena_.TakeFloats(count));
      const int64_t bytes = RoundedBytes(parameter, plan_.spec.precision);
      rounded.push_back(bytes > 0 ? arena_.Take(bytes) : nullptr);
    }
    memory_.parameters.push_back({.parameter = parameter,
                                  .model_index = model_index,
                                  .stage = stage.stage,
                                  .weight = versions.front(),
                                  .rounded = rounded.front(),
                                  .versions = versions,
                                  .rounded_versions = rounded,
                                  .gradient = gradient,
                                  .first_moment = arena_.TakeFloats(count),
                                  .second_moment = arena_.TakeFloats(count),
                                  .counted = counted});
    return memory_.parameters.back();
  }

  void CutTied() {
    const Architecture& config = *TrainedModelOf(plan_);
    if (!HasTiedEmbeddings(config)) return;
    const ParameterSlot* slot = FindSlot(AllParameters(config).front().name);
    if (slot == nullptr) return;
    TiedGradient tied{.stage = slot->stage,
                      .gradient = slot->gradient,
                      .count = slot->parameter.count()};
    if (tied_gradients_.size() > 1) {
      tied.other = tied_gradients_[1];
    } else {
      const int distance = StagesPerCopy(plan_) - 1;
      const int other =
          slot->stage +
          (IsFirstStage(plan_, slot->stage) ? distance : -distance);
      tied.other_rank = plan_.stages[other].rank;
      tied.other = arena_.TakeFloats(tied.count);
    }
    memory_.tied.push_back(tied);
  }

  void CutSnapshot() {
    for (const ParameterSlot& slot : memory_.parameters) {
      if (slot.counted)
        memory_.snapshot_bytes += 3 * 4 * slot.parameter.count();
    }
    if (snapshot_) memory_.snapshot = arena_.Take(memory_.snapshot_bytes);
  }

  void CutKept() {
    if (!plan_.spec.parallelism.optimistic_update) return;
    int64_t bytes = 0;
    for (const ParameterSlot& slot : memory_.parameters) {
      bytes += 3 * 4 * slot.parameter.count();
    }
    memory_.kept = arena_.Take(bytes);
  }

  const Plan& plan_;
  const int rank_;
  Arena& arena_;
  const bool snapshot_;
  // Of the embedding and of the head, as far as they are here, by stage.
  std::vector<float*> tied_gradients_;
  RankMemory memory_;
};

absl::Status AllocateSnapshot(RankMemory& memory) {
  memory.host_snapshot.reset(
      new (std::nothrow) std::byte[static_cast<size_t>(memory.snapshot_bytes)]);
  memory.snapshot = memory.host_snapshot.get();
  if (memory.snapshot != nullptr) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format(
      "the host has no {} bytes for the copy of the weights that checkpoints "
      "are written from; use more ranks",
      memory.snapshot_bytes));
}

}  // namespace

const Architecture* TrainedModelOf(const Plan& plan) {
  return std::get_if<Architecture>(&plan.spec.model.architecture);
}

StageSizes SizesOf(const Plan& plan, int stage) {
  const StagePlan& slice = plan.stages[stage];
  if (const Architecture* config = TrainedModelOf(plan)) {
    return ModelStage::SizesOf({.config = *config,
                                .unit_begin = slice.unit_begin,
                                .unit_end = slice.unit_end,
                                .pass = PassShapeOf(plan.spec, plan.pieces)});
  }
  return SimStage(std::get<SimModel>(plan.spec.model.architecture),
                  slice.unit_end - slice.unit_begin, IsFirstStage(plan, stage),
                  IsLastStage(plan, stage), plan.pieces)
      .sizes();
}

std::vector<int64_t> CountedParameters(const Plan& plan, int rank) {
  std::vector<int64_t> indices;
  if (TrainedModelOf(plan) == nullptr) return indices;
  Arena sizes = Arena::ForSizes();
  const RankMemory memory = Cutter(plan, rank, sizes, /*snapshot=*/true).Cut();
  for (const ParameterSlot& slot : memory.parameters) {
    if (slot.counted) indices.push_back(slot.model_index);
  }
  return indices;
}

absl::StatusOr<RankMemory> PlanRankMemory(Backend& backend, const Plan& plan,
                                          int rank) {
  RankMemory memory;
  ASSIGN_OR_RETURN(
      std::unique_ptr<Arena> arena, Arena::Plan(backend, [&](Arena& cut) {
        memory = Cutter(plan, rank, cut, backend.host_memory()).Cut();
      }));
  memory.arena = std::move(arena);
  if (!backend.host_memory()) RETURN_IF_ERROR(AllocateSnapshot(memory));
  RETURN_IF_ERROR(ReplanPools(backend, plan, rank, memory));
  return memory;
}

absl::Status ReplanPools(Backend& backend, const Plan& plan, int rank,
                         RankMemory& memory) {
  const std::vector<StageBuffers>& buffers = plan.ranks[rank].buffers;
  PENSTOCK_CHECK(buffers.size() == memory.stages.size());
  // First, or the device would have to hold both.
  memory.pools.reset();
  ASSIGN_OR_RETURN(memory.pools, Arena::Plan(backend, [&](Arena& cut) {
                     for (size_t i = 0; i < buffers.size(); ++i) {
                       CutPools(buffers[i], cut, memory.stages[i]);
                     }
                     CutWorkspace(buffers, cut, memory.stages);
                   }));
  return absl::OkStatus();
}

}  // namespace penstock
