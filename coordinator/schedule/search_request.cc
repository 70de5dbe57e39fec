#include "coordinator/schedule/search_request.h"

#include <algorithm>
#include <cmath>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

absl::Status CheckMemory(std::string_view name, const ScheduleRequest& request,
                         int stages_per_rank, int activations_max) {
  if (activations_max < stages_per_rank) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: activations_max is {}, but a rank holds one micro-batch on each "
        "of its stages; nearest legal: {}",
        name, activations_max, stages_per_rank));
  }
  const double share = request.weight_input_share;
  if (!(share >= 0 && share <= 1)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: weight_input_share is {}, nearest legal: {}", name,
                    share, share > 1 ? 1 : 0));
  }
  return absl::OkStatus();
}

absl::Status CheckCosts(const ScheduleCosts& costs, int stages) {
  if (static_cast<int>(costs.stages.size()) != stages ||
      static_cast<int>(costs.hops.size()) != stages - 1) {
    return absl::InvalidArgumentError(fmt::format(
        "costs of {} stages and {} hops for a schedule of {} stages",
        costs.stages.size(), costs.hops.size(), stages));
  }
  const auto is_time = [](double value) {
    return std::isfinite(value) && value >= 0;
  };
  bool valid = true;
  for (const StageTimes& times : costs.stages) {
    valid = valid && is_time(times.forward) && is_time(times.input_gradient) &&
            is_time(times.weight_gradient);
  }
  for (const Hop& hop : costs.hops) {
    valid = valid && is_time(hop.latency) && is_time(hop.occupancy);
  }
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "costs must be finite and not below 0, every one of them");
}

}  // namespace

absl::StatusOr<PipelineInstance> InstanceOf(std::string_view name,
                                            const ScheduleRequest& request,
                                            Placement placement,
                                            int stages_per_rank,
                                            int activations_max) {
  RETURN_IF_ERROR(CheckMemory(name, request, stages_per_rank, activations_max));
  PipelineInstance instance;
  instance.ranks = request.ranks;
  instance.microbatches = request.microbatches;
  instance.rank_of_stage =
      RankOfStage(placement, request.ranks, stages_per_rank);
  const int stages = instance.stages();
  if (request.costs) {
    RETURN_IF_ERROR(CheckCosts(*request.costs, stages));
    instance.costs = *request.costs;
  } else {
    instance.costs.stages.assign(
        stages, {.forward = 1, .input_gradient = 1, .weight_gradient = 1});
    instance.costs.hops.resize(stages - 1);
  }
  instance.memory.assign(stages, {1, request.weight_input_share});
  instance.memory_max.assign(request.ranks, activations_max);
  return instance;
}

SearchOptions GeneratorSearch(const ScheduleRequest& request,
                              const PipelineInstance& instance) {
  if (request.evaluations > 0) {
    return {.objective = Objective::kSpan, .evaluations = request.evaluations};
  }
  constexpr double kActions = 3e6;
  const double actions = 3.0 * instance.microbatches * instance.stages();
  // Short schedules are found sooner.
  const double evaluations = std::min(kActions / actions, 4 * actions);
  return {.objective = Objective::kSpan,
          .evaluations = std::max(1, static_cast<int>(evaluations))};
}

}  // namespace penstock
