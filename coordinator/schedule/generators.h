#ifndef COORDINATOR_SCHEDULE_GENERATORS_H_
#define COORDINATOR_SCHEDULE_GENERATORS_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// The compute-only schedule called `name`, one of kScheduleNames.
//
// Errors:
//   InvalidArgument: no such schedule (names the nearest), or it is not defined
//     for this request: names the field, its value and the nearest legal ones.
absl::StatusOr<Schedule> Generate(std::string_view name,
                                  const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_GENERATORS_H_
