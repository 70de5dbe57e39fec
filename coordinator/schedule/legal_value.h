#ifndef COORDINATOR_SCHEDULE_LEGAL_VALUE_H_
#define COORDINATOR_SCHEDULE_LEGAL_VALUE_H_

#include <functional>
#include <string_view>

#include "absl/status/status.h"

namespace penstock {

// Errors:
//   InvalidArgument: `legal(value)` is false. Names the schedule, the field,
//     its value, `rule`, and the nearest legal values >= 1 on both sides, as in
//     "dualpipe: ranks is 3, but must be even; nearest legal: 2 or 4".
absl::Status RequireLegal(std::string_view schedule, std::string_view field,
                          int value, std::string_view rule,
                          const std::function<bool(int)>& legal);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_LEGAL_VALUE_H_
