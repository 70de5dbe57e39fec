#ifndef COORDINATOR_SCHEDULE_NAMED_SCHEDULES_H_
#define COORDINATOR_SCHEDULE_NAMED_SCHEDULES_H_

#include <string>
#include <vector>

#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/synthesis_placements.h"

namespace penstock {

struct NamedAttempt {
  std::string name;     // With the options that are not the default.
  Schedule schedule;    // If `refusal` is empty.
  std::string refusal;  // Why there is none.
};

// Every named schedule, with the options that matter for time, for the
// placement's shape and costs. Refused are those that are not defined for it,
// are placed otherwise, do not wait for the step's update, cut micro-batches
// into pieces, or hold more than the memory.
std::vector<NamedAttempt> GenerateNamed(const PlacedInstance& placed);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_NAMED_SCHEDULES_H_
