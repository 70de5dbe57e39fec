#ifndef COORDINATOR_SCHEDULE_GENERATORS_H_
#define COORDINATOR_SCHEDULE_GENERATORS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// The names that Generate accepts: those of JobSpec's parallelism.schedule.
std::vector<std::string> ScheduleNames();

// The compute-only schedule called `name` for `shape`.
//
// Errors:
//   InvalidArgument: no such schedule (names the nearest), or no stage or no
//     micro-batch.
absl::StatusOr<Schedule> Generate(std::string_view name,
                                  const PipelineShape& shape);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_GENERATORS_H_
