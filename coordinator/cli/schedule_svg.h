#ifndef COORDINATOR_CLI_SCHEDULE_SVG_H_
#define COORDINATOR_CLI_SCHEDULE_SVG_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/simulate.h"

namespace penstock {

// What a drawing of more would be good for nobody can say; viewers give up.
inline constexpr int64_t kScheduleSvgActionsMax = 100'000;

// Draws the timeline that papers show: a row per rank, time to the right and to
// scale, a box per action, coloured by its kind, paler for the later stages of
// a rank, with the number of its micro-batch where that fits. The F and the B
// of a compound action lie above each other; reductions, which run beside other
// work, are a strip at the foot of the row. The heading gives makespan, bubble
// and peak activations. Actions that take no time are left out.
//
// `simulation` is of `schedule` with its actions recorded; `name` heads the
// drawing and `unit` is that of the times.
//
// Errors:
//   InvalidArgument: the schedule has more than kScheduleSvgActionsMax actions.
absl::StatusOr<std::string> DrawSchedule(const Schedule& schedule,
                                         const Simulation& simulation,
                                         const std::string& name,
                                         const std::string& unit);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SCHEDULE_SVG_H_
