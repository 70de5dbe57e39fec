#include "coordinator/schedule/pipeline_instance.h"

#include <map>
#include <utility>

namespace penstock {
namespace {

// Sums of activations are compared with limits; they are not exact.
constexpr double kRounding = 1e-9;

}  // namespace

std::vector<std::array<int, 2>> EdgesInto(const PipelineInstance& instance) {
  std::map<std::pair<int, int>, int> ids;
  std::vector<std::array<int, 2>> edges(instance.rank_of_stage.size(),
                                        {-1, -1});
  const auto edge = [&](int from, int to) {
    const std::pair<int, int> ranks(instance.rank_of_stage[from],
                                    instance.rank_of_stage[to]);
    return ids.emplace(ranks, static_cast<int>(ids.size())).first->second;
  };
  for (int stage = 0; stage + 1 < instance.stages(); ++stage) {
    if (instance.IsLast(stage) || !instance.Crosses(stage)) continue;
    edges[stage + 1][0] = edge(stage, stage + 1);
    edges[stage][1] = edge(stage + 1, stage);
  }
  return edges;
}

bool KeepsToMemory(const PipelineInstance& instance,
                   const std::vector<std::vector<Action>>& programs) {
  for (int rank = 0; rank < instance.ranks; ++rank) {
    const double memory_max = instance.memory_max[rank] * (1 + kRounding);
    double held = 0;
    for (const Action& action : programs[rank]) {
      if (!IsCompute(action.kind)) continue;
      const ActivationMemory& memory = instance.memory[action.stage];
      if (action.kind == ActionKind::kForward) {
        held += memory.activation;
      } else if (action.kind == ActionKind::kBackward) {
        held -= memory.activation;
      } else if (action.kind == ActionKind::kBackwardInput) {
        held -= memory.activation - memory.weight_input;
      } else if (action.kind == ActionKind::kBackwardWeight) {
        held -= memory.weight_input;
      }
      if (held > memory_max) return false;
    }
  }
  return true;
}

}  // namespace penstock
