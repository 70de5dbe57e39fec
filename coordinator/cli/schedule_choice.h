#ifndef COORDINATOR_CLI_SCHEDULE_CHOICE_H_
#define COORDINATOR_CLI_SCHEDULE_CHOICE_H_

#include "absl/status/statusor.h"
#include "coordinator/cli/schedule_flags.h"
#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// The schedule that flags ask for, compute-only, with the costs of its stages.
struct ChosenSchedule {
  Schedule schedule;
  ScheduleCosts costs;
};

// A named schedule, made by the costs where its rule uses them.
//
// Errors:
//   InvalidArgument: there is no name, or a flag that Generate or CostsOf
//     refuses.
absl::StatusOr<ChosenSchedule> ChooseSchedule(const ScheduleFlags& flags,
                                              const CostFlags& costs);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SCHEDULE_CHOICE_H_
