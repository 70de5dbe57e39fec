#include "coordinator/schedule/zb_auto.h"

#include <string_view>
#include <utility>

#include "coordinator/schedule/search_request.h"
#include "coordinator/schedule/search_schedule.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

absl::StatusOr<Schedule> Search(std::string_view name,
                                const ScheduleRequest& request,
                                Placement placement, int stages_per_rank) {
  const int activations_max = request.activations_max != 0
                                  ? request.activations_max
                                  : request.ranks * stages_per_rank;
  ASSIGN_OR_RETURN(
      const PipelineInstance instance,
      InstanceOf(name, request, placement, stages_per_rank, activations_max));
  FoundSchedule found =
      SearchSchedule(instance, /*starts=*/{}, GeneratorSearch(instance));
  return ToSchedule(instance, std::move(found.programs));
}

}  // namespace

absl::StatusOr<Schedule> ZbAuto(const ScheduleRequest& request) {
  return Search("zb-auto", request, Placement::kLoop, 1);
}

absl::StatusOr<Schedule> ZbvAuto(const ScheduleRequest& request) {
  return Search("zbv-auto", request, Placement::kWave, 2);
}

}  // namespace penstock
