#include "coordinator/schedule/slack_1f1b.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "coordinator/schedule/limited_activations.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {

namespace {

// The warm-up of each rank by the rule above.
std::vector<int> WarmUpByCosts(const ScheduleCosts& costs, int microbatches) {
  const auto time = [&](size_t stage) {
    const StageTimes& times = costs.stages[stage];
    return times.forward + times.input_gradient + times.weight_gradient;
  };
  double slowest = 0;
  for (size_t stage = 0; stage < costs.stages.size(); ++stage) {
    slowest = std::max(slowest, time(stage));
  }
  std::vector<int> warm_up(costs.stages.size());
  for (size_t rank = costs.stages.size() - 1; rank-- > 0;) {
    const Hop& hop = costs.hops[rank];
    const double cover = time(rank + 1) + 2 * (hop.latency + hop.occupancy);
    // More than all micro-batches are no more than all.
    const double more =
        slowest > 0 ? std::min(std::ceil(cover / slowest), 1.0 * microbatches)
                    : 1;
    warm_up[rank] = std::min(
        warm_up[rank + 1] + std::max(1, static_cast<int>(more)), microbatches);
  }
  return warm_up;
}

absl::Status CheckCosts(const ScheduleCosts& costs, size_t ranks) {
  bool valid = costs.stages.size() == ranks && costs.hops.size() + 1 == ranks;
  for (const StageTimes& times : costs.stages) {
    valid = valid && times.forward >= 0 && times.input_gradient >= 0 &&
            times.weight_gradient >= 0;
  }
  for (const Hop& hop : costs.hops) {
    valid = valid && hop.latency >= 0 && hop.occupancy >= 0;
  }
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "1f1b-slack: costs of {} stages and {} hops for {} ranks; times must be "
      ">= 0",
      costs.stages.size(), costs.hops.size(), ranks));
}

}  // namespace

absl::StatusOr<Schedule> Slack1F1B(const ScheduleRequest& request) {
  const int ranks = request.ranks;
  const int microbatches = request.microbatches;
  if (request.slack == 0 && request.costs.has_value()) {
    RETURN_IF_ERROR(CheckCosts(*request.costs, static_cast<size_t>(ranks)));
    const std::vector<int> warm_up =
        WarmUpByCosts(*request.costs, microbatches);
    return LimitedActivations(request,
                              [&](int rank) { return warm_up[rank] + 1; });
  }
  const int64_t slack = std::max(1, request.slack);
  return LimitedActivations(request, [&](int rank) {
    return static_cast<int>(
        std::min<int64_t>(slack * (ranks - 1 - rank) + 1, microbatches));
  });
}

}  // namespace penstock
