#include "worker/runtime/weights.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "proto/base/status_macros.h"
#include "proto/file/checkpoint.h"
#include "worker/checkpoint/weight_source.h"
#include "worker/model/init.h"
#include "worker/model/learning_rate.h"

namespace penstock {
namespace {

struct Start {
  std::unique_ptr<WeightSource> source;  // Null: draw from the seed.
  int64_t samples = 0;
};

absl::StatusOr<Start> OpenStart(const Plan& plan, const AllowedRoots& roots) {
  const auto& config = std::get<Architecture>(plan.spec.model.architecture);
  Start start;
  if (!plan.start.checkpoint.empty()) {
    ASSIGN_OR_RETURN(const std::string path,
                     roots.Resolve(plan.start.checkpoint));
    ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(path));
    start.samples = manifest.samples;
    ASSIGN_OR_RETURN(start.source, OpenCheckpointSource(path, config));
  } else if (!plan.spec.model.init_from.empty()) {
    ASSIGN_OR_RETURN(const std::string path,
                     roots.Resolve(plan.spec.model.init_from));
    ASSIGN_OR_RETURN(start.source, OpenHuggingFaceSource(path, config));
  }
  return start;
}

// Waits, so that `from` can change or go.
absl::Status CopyFloats(Backend& backend, const std::vector<float>& from,
                        float* to) {
  RETURN_IF_ERROR(backend.CopyIn(std::as_bytes(std::span(from)),
                                 reinterpret_cast<std::byte*>(to)));
  return backend.Synchronize();
}

absl::Status LoadSlot(const Plan& plan, WeightSource* source, Backend& backend,
                      const ParameterSlot& slot) {
  const auto& config = std::get<Architecture>(plan.spec.model.architecture);
  const size_t count = static_cast<size_t>(slot.parameter.count());
  std::vector<float> values(count);
  if (source == nullptr) {
    FillInitialValue(config, slot.parameter, plan.spec.seed, values);
  } else {
    RETURN_IF_ERROR(source->ReadWeight(slot.parameter, values));
  }
  RETURN_IF_ERROR(CopyFloats(backend, values, slot.weight));
  RETURN_IF_ERROR(RoundSlot(slot, backend));
  std::vector<float> squares(count, 0.0f);
  std::fill(values.begin(), values.end(), 0.0f);
  if (source != nullptr && source->has_moments()) {
    RETURN_IF_ERROR(source->ReadMoments(slot.parameter, values, squares));
  }
  RETURN_IF_ERROR(CopyFloats(backend, values, slot.first_moment));
  return CopyFloats(backend, squares, slot.second_moment);
}

}  // namespace

absl::StatusOr<int64_t> LoadWeights(const Plan& plan, const AllowedRoots& roots,
                                    Backend& backend, RankMemory& memory) {
  ASSIGN_OR_RETURN(const Start start, OpenStart(plan, roots));
  for (const ParameterSlot& slot : memory.parameters) {
    RETURN_IF_ERROR(LoadSlot(plan, start.source.get(), backend, slot));
  }
  RETURN_IF_ERROR(ZeroGradients(backend, memory));
  return start.samples;
}

float LearningRateOf(const JobSpec& spec, int64_t step) {
  return static_cast<float>(LearningRate(spec.optimizer, step, spec.steps));
}

absl::Status RoundSlot(const ParameterSlot& slot, Backend& backend) {
  if (slot.rounded == nullptr) return absl::OkStatus();
  const int64_t count = slot.parameter.count();
  return backend.Round(Float32(slot.weight, 1, count),
                       {slot.rounded, 1, count, count, DataType::kBFloat16});
}

absl::Status UpdateSlot(const AdamWSpec& adamw, const WeightUpdate& update,
                        const ParameterSlot& slot, Backend& backend) {
  return backend.AdamW(
      {.weight = slot.weight,
       .gradient = slot.gradient,
       .first_moment = slot.first_moment,
       .second_moment = slot.second_moment,
       .rounded = slot.rounded,
       .count = slot.parameter.count(),
       .gradient_scale = update.clip_factor,
       .learning_rate = update.learning_rate,
       .beta1 = static_cast<float>(adamw.beta1),
       .beta2 = static_cast<float>(adamw.beta2),
       .epsilon = static_cast<float>(adamw.epsilon),
       .weight_decay = slot.parameter.shape.size() >= 2
                           ? static_cast<float>(adamw.weight_decay)
                           : 0.0f,
       .step = update.number});
}

absl::Status ApplyAdamW(const JobSpec& spec, int64_t step, float clip_factor,
                        Backend& backend, RankMemory& memory) {
  const WeightUpdate update{.number = step,
                            .learning_rate = LearningRateOf(spec, step),
                            .clip_factor = clip_factor};
  for (const ParameterSlot& slot : memory.parameters) {
    RETURN_IF_ERROR(UpdateSlot(spec.optimizer, update, slot, backend));
  }
  return backend.Synchronize();
}

absl::Status ZeroGradients(Backend& backend, const StageMemory& stage) {
  if (stage.gradient_count > 0) {
    RETURN_IF_ERROR(backend.Zero(reinterpret_cast<std::byte*>(stage.gradients),
                                 stage.gradient_count * 4));
  }
  return backend.Synchronize();
}

absl::Status ZeroGradients(Backend& backend, const RankMemory& memory) {
  for (const StageMemory& stage : memory.stages) {
    RETURN_IF_ERROR(ZeroGradients(backend, stage));
  }
  return absl::OkStatus();
}

absl::Status UpdateWeights(const JobSpec& spec, int64_t step, float clip_factor,
                           Backend& backend, RankMemory& memory) {
  RETURN_IF_ERROR(ApplyAdamW(spec, step, clip_factor, backend, memory));
  return ZeroGradients(backend, memory);
}

absl::StatusOr<std::vector<double>> GradientNormsSquared(
    Backend& backend, const RankMemory& memory) {
  std::vector<std::span<const float>> gradients;
  for (const ParameterSlot& slot : memory.parameters) {
    if (slot.counted)
      gradients.emplace_back(slot.gradient, slot.parameter.count());
  }
  std::vector<double> norms(gradients.size());
  RETURN_IF_ERROR(backend.SumsOfSquares(gradients, norms));
  return norms;
}

}  // namespace penstock
