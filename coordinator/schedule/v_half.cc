#include "coordinator/schedule/v_half.h"

#include <string_view>
#include <utility>

#include "coordinator/schedule/order_search.h"
#include "coordinator/schedule/search_request.h"
#include "coordinator/schedule/search_schedule.h"
#include "coordinator/schedule/squeeze.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// One time for all passes of all stages, and hops for nothing.
bool IsEven(const ScheduleCosts& costs) {
  const double time = costs.stages[0].forward;
  for (const StageTimes& times : costs.stages) {
    if (times.forward != time || times.input_gradient != time ||
        times.weight_gradient != time) {
      return false;
    }
  }
  for (const Hop& hop : costs.hops) {
    if (hop.latency != 0 || hop.occupancy != 0) return false;
  }
  return true;
}

absl::StatusOr<Schedule> Controlled(std::string_view name,
                                    const ScheduleRequest& request,
                                    const SlopePattern& pattern,
                                    int activations_max) {
  ASSIGN_OR_RETURN(
      const PipelineInstance instance,
      InstanceOf(name, request, Placement::kWave, 2, activations_max));
  const SearchOptions options = GeneratorSearch(request, instance);
  const TimedSchedule laid = LayOut(instance, pattern);
  FoundSchedule found = SearchWeights(instance, laid.programs, options);
  FoundSchedule squeezed =
      SearchWeights(instance, Squeeze(WithEvenTimes(instance), laid), options);
  if (squeezed.value < found.value) found = std::move(squeezed);
  if (found.programs.empty() || !IsEven(instance.costs)) {
    std::vector<std::vector<std::vector<Action>>> starts;
    if (!found.programs.empty()) starts.push_back(std::move(found.programs));
    found = SearchSchedule(instance, starts, options);
  }
  return ToSchedule(instance, std::move(found.programs));
}

}  // namespace

absl::StatusOr<Schedule> VHalf(const ScheduleRequest& request) {
  const SlopePattern pattern{.slopes = {2, 1, 2, 1},
                             .gap = request.ranks % 2 == 0 ? 3 : 0,
                             .back_gap = 1};
  return Controlled("v-half", request, pattern, 2 * ((request.ranks + 2) / 2));
}

absl::StatusOr<Schedule> VMin(const ScheduleRequest& request) {
  const SlopePattern pattern{.slopes = {1, 1, 1, 1},
                             .gap = request.ranks % 3 == 0 ? 2 : 0};
  return Controlled("v-min", request, pattern, 2 * ((request.ranks + 4) / 3));
}

}  // namespace penstock
