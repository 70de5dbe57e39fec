#include "worker/runtime/weight_versions.h"

#include <algorithm>

#include "proto/base/check.h"
#include "proto/base/status_macros.h"
#include "worker/runtime/weights.h"

namespace penstock {

int UpdatesPerStep(const Plan& plan) {
  int updates = 0;
  for (const Action& action : plan.ranks.front().program) {
    if (action.kind == ActionKind::kUpdate) {
      updates = std::max(updates, action.microbatch);
    }
  }
  return updates;
}

WeightVersions::WeightVersions(const Plan& plan, int rank, Backend& backend,
                               RankMemory& memory)
    : plan_(plan),
      backend_(backend),
      memory_(memory),
      updates_per_step_(UpdatesPerStep(plan)) {
  PENSTOCK_CHECK(updates_per_step_ > 0);
  for (const StageMemory& stage : memory.stages) {
    StageVersions& versions = stages_[stage.stage];
    versions.is_free.assign(stage.versions, true);
    versions.is_free[0] = false;
    versions.buffers[0] = 0;
  }
  const std::vector<Action>& program = plan.ranks[rank].program;
  for (size_t i = 0; i < program.size(); ++i) {
    const Action& action = program[i];
    if (action.kind == ActionKind::kUpdate) {
      stages_[action.stage].updates[action.microbatch] = i;
    } else if (IsCompute(action.kind)) {
      stages_[action.stage].last_uses[action.version] = i;
    }
  }
  const auto counted =
      std::count_if(memory.parameters.begin(), memory.parameters.end(),
                    [](const ParameterSlot& slot) { return slot.counted; });
  norms_squared_.resize(static_cast<size_t>(counted));
}

int WeightVersions::BufferOf(int stage, int version) const {
  return stages_.at(stage).buffers.at(version);
}

absl::Status WeightVersions::Update(int64_t step, int stage, int version) {
  StageVersions& versions = stages_.at(stage);
  const int before = versions.buffers.at(version - 1);
  const int buffer = TakeBuffer(versions, version);
  RETURN_IF_ERROR(MoveNewest(stage, before, buffer));
  RETURN_IF_ERROR(SumTied(stage));
  if (version == updates_per_step_) RETURN_IF_ERROR(ReadNorms(stage));
  const AdamWSpec& adamw = plan_.spec.optimizer;
  const WeightUpdate update{.number = (step - 1) * updates_per_step_ + version,
                            .learning_rate = LearningRateOf(plan_.spec, step)};
  for (const ParameterSlot& slot : memory_.parameters) {
    if (slot.stage != stage) continue;
    RETURN_IF_ERROR(UpdateSlot(adamw, update, slot, backend_));
  }
  return ZeroGradients(backend_, Memory(stage));
}

// Gives up what is not used any more first, the version before included.
int WeightVersions::TakeBuffer(StageVersions& versions, int version) {
  const size_t now = versions.updates.at(version);
  const int before = versions.buffers.at(version - 1);
  std::erase_if(versions.buffers, [&](const auto& held) {
    const auto last_use = versions.last_uses.find(held.first);
    const bool used =
        last_use != versions.last_uses.end() && last_use->second > now;
    if (!used) versions.is_free[held.second] = true;
    return !used;
  });
  std::vector<bool>& is_free = versions.is_free;
  int buffer = before;
  if (!is_free[before]) {
    buffer = static_cast<int>(std::find(is_free.begin(), is_free.end(), true) -
                              is_free.begin());
    PENSTOCK_CHECK(buffer < std::ssize(is_free));
  }
  is_free[buffer] = false;
  versions.buffers[version] = buffer;
  return buffer;
}

absl::Status WeightVersions::MoveNewest(int stage, int from, int to) {
  if (from == to) return absl::OkStatus();
  for (ParameterSlot& slot : memory_.parameters) {
    if (slot.stage != stage) continue;
    slot.weight = slot.versions[to];
    slot.rounded = slot.rounded_versions[to];
    RETURN_IF_ERROR(backend_.Copy(
        reinterpret_cast<const std::byte*>(slot.versions[from]),
        reinterpret_cast<std::byte*>(slot.weight), slot.parameter.count() * 4));
  }
  return absl::OkStatus();
}

// The spec is refused when the two are on different ranks.
absl::Status WeightVersions::SumTied(int stage) {
  for (const TiedGradient& tied : memory_.tied) {
    if (tied.stage != stage) continue;
    PENSTOCK_CHECK(tied.other_rank < 0);
    RETURN_IF_ERROR(backend_.Accumulate(tied.other, tied.count, tied.gradient));
  }
  return absl::OkStatus();
}

absl::Status WeightVersions::ReadNorms(int stage) {
  std::vector<std::span<const float>> gradients;
  std::vector<size_t> indices;
  size_t index = 0;
  for (const ParameterSlot& slot : memory_.parameters) {
    if (!slot.counted) continue;
    if (slot.stage == stage) {
      gradients.emplace_back(slot.gradient, slot.parameter.count());
      indices.push_back(index);
    }
    ++index;
  }
  std::vector<double> norms(gradients.size());
  RETURN_IF_ERROR(backend_.SumsOfSquares(gradients, norms));
  for (size_t i = 0; i < norms.size(); ++i) {
    norms_squared_[indices[i]] = norms[i];
  }
  return absl::OkStatus();
}

void WeightVersions::EndStep() {
  for (auto& [stage, versions] : stages_) {
    const int newest = versions.buffers.at(updates_per_step_);
    versions.is_free.assign(versions.is_free.size(), true);
    versions.is_free[newest] = false;
    versions.buffers = {{0, newest}};
  }
}

const StageMemory& WeightVersions::Memory(int stage) const {
  return *std::find_if(memory_.stages.begin(), memory_.stages.end(),
                       [&](const StageMemory& s) { return s.stage == stage; });
}

}  // namespace penstock
