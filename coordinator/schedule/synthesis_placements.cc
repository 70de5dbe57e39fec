#include "coordinator/schedule/synthesis_placements.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "coordinator/schedule/list_schedule.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

bool IsAmount(double value) { return std::isfinite(value) && value >= 0; }

absl::Status Check(const SynthesizeRequest& request) {
  const auto refuse = [](const std::string& message) {
    return absl::InvalidArgumentError(message);
  };
  if (request.ranks < 1 || request.microbatches < 1 ||
      request.stages_per_rank_max < 1) {
    return refuse(fmt::format(
        "ranks, micro-batches, stages per rank: {}, {}, {}: each at least 1",
        request.ranks, request.microbatches, request.stages_per_rank_max));
  }
  const size_t slices = static_cast<size_t>(request.ranks) *
                        static_cast<size_t>(request.stages_per_rank_max);
  if (request.slices.stages.size() != slices ||
      request.slices.hops.size() != slices - 1 ||
      request.memory.size() != slices ||
      request.memory_max.size() != static_cast<size_t>(request.ranks)) {
    return refuse(fmt::format(
        "{} stages' times, {} hops, {} stages' memory and {} ranks' memory for "
        "{} slices on {} ranks",
        request.slices.stages.size(), request.slices.hops.size(),
        request.memory.size(), request.memory_max.size(), slices,
        request.ranks));
  }
  if (request.stages_per_rank != 0 &&
      (request.stages_per_rank < 0 ||
       request.stages_per_rank_max % request.stages_per_rank != 0)) {
    return refuse(fmt::format("stages per rank: {}: a divisor of {}",
                              request.stages_per_rank,
                              request.stages_per_rank_max));
  }
  for (const StageTimes& times : request.slices.stages) {
    if (!IsAmount(times.forward) || !IsAmount(times.input_gradient) ||
        !IsAmount(times.weight_gradient)) {
      return refuse("costs must be finite and not below 0, every one of them");
    }
  }
  for (const Hop& hop : request.slices.hops) {
    if (!IsAmount(hop.latency) || !IsAmount(hop.occupancy)) {
      return refuse("costs must be finite and not below 0, every one of them");
    }
  }
  for (const ActivationMemory& memory : request.memory) {
    if (!(memory.activation > 0) || !std::isfinite(memory.activation) ||
        !IsAmount(memory.weight_input) ||
        memory.weight_input > memory.activation) {
      return refuse(fmt::format(
          "memory: an activation of {} of which W needs {}: the first above 0, "
          "the second at most that",
          memory.activation, memory.weight_input));
    }
  }
  return absl::OkStatus();
}

StageTimes Join(const std::vector<StageTimes>& slices, int begin, int end) {
  StageTimes joined = slices[begin];
  for (int slice = begin + 1; slice < end; ++slice) {
    const StageTimes& times = slices[slice];
    joined.forward += times.forward;
    joined.input_gradient += times.input_gradient;
    joined.weight_gradient += times.weight_gradient;
    joined.reduce += times.reduce;
    if (joined.overlapped_pair >= 0 && times.overlapped_pair >= 0) {
      joined.overlapped_pair += times.overlapped_pair;
    } else {
      joined.overlapped_pair = -1;
    }
  }
  return joined;
}

ActivationMemory Join(const std::vector<ActivationMemory>& slices, int begin,
                      int end) {
  ActivationMemory joined = slices[begin];
  for (int slice = begin + 1; slice < end; ++slice) {
    joined.activation += slices[slice].activation;
    joined.weight_input += slices[slice].weight_input;
  }
  return joined;
}

PipelineInstance Build(const SynthesizeRequest& request, Placement placement,
                       int stages_per_rank) {
  const bool twice = placement == Placement::kBidirectional;
  const int stages = request.ranks * stages_per_rank;
  const int width = request.stages_per_rank_max / stages_per_rank;
  PipelineInstance instance;
  instance.ranks = request.ranks;
  instance.microbatches = request.microbatches;
  instance.copies = twice ? 2 : 1;
  instance.rank_of_stage =
      RankOfStage(placement, request.ranks, twice ? 2 : stages_per_rank);
  instance.memory_max = request.memory_max;
  for (int copy = 0; copy < instance.copies; ++copy) {
    if (copy > 0) instance.costs.hops.push_back({});
    for (int stage = 0; stage < stages; ++stage) {
      const int begin = stage * width;
      const int end = begin + width;
      instance.costs.stages.push_back(Join(request.slices.stages, begin, end));
      instance.memory.push_back(Join(request.memory, begin, end));
      if (stage + 1 < stages) {
        instance.costs.hops.push_back(request.slices.hops[end - 1]);
      }
    }
  }
  return instance;
}

// The memory that the first rank without enough would need; 0 if all do.
double Missing(const PipelineInstance& instance) {
  for (int rank = 0; rank < instance.ranks; ++rank) {
    const double needed = MemoryNeeded(instance, rank);
    if (!(instance.memory_max[rank] >= needed)) return needed;
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::vector<PlacedInstance>> PlaceSlices(
    const SynthesizeRequest& request) {
  RETURN_IF_ERROR(Check(request));
  std::vector<PlacedInstance> placed;
  double missing = 0;
  const auto add = [&](Placement placement, int stages_per_rank) {
    PipelineInstance instance = Build(request, placement, stages_per_rank);
    missing = std::max(missing, Missing(instance));
    if (Missing(instance) > 0) return;
    placed.push_back({placement, stages_per_rank, std::move(instance)});
  };
  for (int v = 1; v <= request.stages_per_rank_max; ++v) {
    if (request.stages_per_rank_max % v != 0) continue;
    if (request.stages_per_rank != 0 && request.stages_per_rank != v) continue;
    add(Placement::kLoop, v);
    if (v > 1 && request.ranks > 1) add(Placement::kWave, v);
    if (v == 1 && request.two_copies && request.ranks > 1 &&
        request.microbatches % 2 == 0) {
      add(Placement::kBidirectional, 1);
    }
  }
  if (!placed.empty()) return placed;
  return absl::ResourceExhaustedError(fmt::format(
      "no placement fits the memory: one micro-batch needs {} on a rank",
      missing));
}

}  // namespace penstock
