#include "coordinator/schedule/zb_auto.h"

#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/schedule/search_request.h"
#include "coordinator/schedule/search_schedule.h"
#include "coordinator/schedule/zb_h1.h"
#include "coordinator/schedule/zb_h2.h"
#include "coordinator/schedule/zbv.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// Starts from the lists that `by_hand` makes, where the memory does for them.
absl::StatusOr<Schedule> Search(
    std::string_view name, const ScheduleRequest& request, Placement placement,
    int stages_per_rank,
    std::initializer_list<
        absl::StatusOr<Schedule> (*)(const ScheduleRequest& request)>
        by_hand) {
  const int activations_max = request.activations_max != 0
                                  ? request.activations_max
                                  : request.ranks * stages_per_rank;
  ASSIGN_OR_RETURN(
      const PipelineInstance instance,
      InstanceOf(name, request, placement, stages_per_rank, activations_max));
  std::vector<std::vector<std::vector<Action>>> starts;
  for (const auto& generate : by_hand) {
    ASSIGN_OR_RETURN(Schedule start, generate(request));
    starts.push_back(std::move(start.programs));
  }
  FoundSchedule found =
      SearchSchedule(instance, starts, GeneratorSearch(request, instance));
  return ToSchedule(instance, std::move(found.programs));
}

}  // namespace

absl::StatusOr<Schedule> ZbAuto(const ScheduleRequest& request) {
  return Search("zb-auto", request, Placement::kLoop, 1, {ZbH1, ZbH2});
}

absl::StatusOr<Schedule> ZbvAuto(const ScheduleRequest& request) {
  return Search("zbv-auto", request, Placement::kWave, 2, {Zbv});
}

}  // namespace penstock
