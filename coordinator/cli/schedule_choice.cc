#include "coordinator/cli/schedule_choice.h"

#include <utility>

#include "coordinator/schedule/add_recompute.h"
#include "coordinator/schedule/generators.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

absl::StatusOr<Schedule> Named(const ScheduleFlags& flags,
                               const CostFlags& costs) {
  ScheduleRequest request = flags.request;
  ASSIGN_OR_RETURN(Schedule schedule, Generate(flags.name, request));
  if (costs.empty()) return schedule;
  // How many stages there are, only the schedule itself says.
  ASSIGN_OR_RETURN(request.costs, CostsOf(costs, schedule));
  return Generate(flags.name, request);
}

}  // namespace

absl::StatusOr<ChosenSchedule> ChooseSchedule(const ScheduleFlags& flags,
                                              const CostFlags& costs) {
  if (flags.name.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("--schedule is missing; there are {}",
                    fmt::join(ScheduleNames(), ", ")));
  }
  ChosenSchedule chosen;
  ASSIGN_OR_RETURN(chosen.schedule, Named(flags, costs));
  ASSIGN_OR_RETURN(chosen.costs, CostsOf(costs, chosen.schedule));
  if (flags.recompute == "never") return chosen;
  const RecomputePolicy policy = flags.recompute == "always"
                                     ? RecomputeAlways()
                                     : RecomputeAllButLast(chosen.schedule);
  chosen.schedule = AddRecompute(std::move(chosen.schedule), policy);
  return chosen;
}

}  // namespace penstock
