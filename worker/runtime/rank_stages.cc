#include "worker/runtime/rank_stages.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "proto/base/status_macros.h"
#include "worker/model/make_layer.h"
#include "worker/runtime/model_stage.h"
#include "worker/runtime/sim_stage.h"

namespace penstock {
namespace {

// Gradients are those of the mean over the tokens that an update takes in: the
// global batch's, or an equal part of it.
float LossScale(const Plan& plan) {
  const JobSpec& spec = plan.spec;
  const int64_t updates = std::max(1, UpdatesPerStep(plan));
  return 1.0f / static_cast<float>(TokensPerMicroBatch(spec) *
                                   (spec.batch.micro_batches / updates) *
                                   spec.parallelism.data);
}

// `weights` with the values that lie in `buffer`.
std::vector<LayerWeight> InBuffer(const RankMemory& memory,
                                  std::vector<LayerWeight> weights,
                                  int buffer) {
  for (LayerWeight& weight : weights) {
    const auto slot =
        std::find_if(memory.parameters.begin(), memory.parameters.end(),
                     [&](const ParameterSlot& s) {
                       return s.versions.front() == weight.value;
                     });
    weight.value = slot->versions[buffer];
    weight.rounded = slot->rounded_versions[buffer];
  }
  return weights;
}

class StageMaker {
 public:
  StageMaker(const Plan& plan, const RankMemory& memory, Backend& backend,
             BatchReader* data)
      : plan_(plan), memory_(memory), backend_(backend), data_(data) {}

  absl::StatusOr<std::unique_ptr<Stage>> Make(const StageMemory& stage,
                                              int buffer) const {
    const StagePlan& slice = plan_.stages[stage.stage];
    const Architecture* config = TrainedModelOf(plan_);
    if (config == nullptr) {
      return std::make_unique<SimStage>(
          std::get<SimModel>(plan_.spec.model.architecture),
          slice.unit_end - slice.unit_begin, IsFirstStage(plan_, stage.stage),
          IsLastStage(plan_, stage.stage), plan_.pieces);
    }
    const PassShape pass = PassShapeOf(plan_.spec, plan_.pieces);
    std::vector<std::unique_ptr<Layer>> layers;
    for (int64_t unit = slice.unit_begin; unit < slice.unit_end; ++unit) {
      ASSIGN_OR_RETURN(
          std::unique_ptr<Layer> layer,
          MakeLayer(
              *config, unit, pass, backend_,
              InBuffer(memory_, stage.unit_weights[unit - slice.unit_begin],
                       buffer),
              LossScale(plan_)));
      layers.push_back(std::move(layer));
    }
    return std::make_unique<ModelStage>(
        ModelSlice{.config = *config,
                   .unit_begin = slice.unit_begin,
                   .unit_end = slice.unit_end,
                   .pass = pass},
        backend_, data_, std::move(layers));
  }

 private:
  const Plan& plan_;
  const RankMemory& memory_;
  Backend& backend_;
  BatchReader* const data_;
};

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<Stage>>> MakeRankStages(
    const Plan& plan, const RankMemory& memory, Backend& backend,
    BatchReader* data, const WeightVersions* versions) {
  const StageMaker maker(plan, memory, backend, data);
  std::vector<std::unique_ptr<Stage>> stages;
  for (const StageMemory& stage : memory.stages) {
    std::vector<std::unique_ptr<Stage>> by_buffer;
    for (int buffer = 0; buffer < stage.versions; ++buffer) {
      ASSIGN_OR_RETURN(by_buffer.emplace_back(), maker.Make(stage, buffer));
    }
    stages.push_back(by_buffer.size() == 1
                         ? std::move(by_buffer.front())
                         : std::make_unique<VersionedStage>(
                               *versions, stage.stage, std::move(by_buffer)));
  }
  return stages;
}

}  // namespace penstock
