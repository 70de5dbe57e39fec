#ifndef PROTO_SCHEDULE_NAMES_H_
#define PROTO_SCHEDULE_NAMES_H_

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// What JobSpec's parallelism.schedule may be, besides kAutoSchedule, in the
// order in which people are shown them.
inline constexpr std::array<std::string_view, 3> kScheduleNames = {
    "naive",
    "gpipe",
    "1f1b",
};

// Chosen by the planner.
inline constexpr std::string_view kAutoSchedule = "auto";

inline std::vector<std::string> ScheduleNames() {
  return {kScheduleNames.begin(), kScheduleNames.end()};
}

}  // namespace penstock

#endif  // PROTO_SCHEDULE_NAMES_H_
