#ifndef PROTO_SCHEDULE_NAMES_H_
#define PROTO_SCHEDULE_NAMES_H_

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// What JobSpec's parallelism.schedule may be, besides kAutoSchedule, in the
// order in which people are shown them.
inline constexpr std::array<std::string_view, 23> kScheduleNames = {
    "naive",          "gpipe",         "gpipe-lifo",
    "1f1b",           "1f1b-slack",    "interleaved-1f1b",
    "looped-bfs",     "zb-h1",         "zb-h2",
    "interleaved-zb", "zb-auto",       "zbv",
    "zbv-auto",       "v-half",        "v-min",
    "v-1f1b",         "chimera",       "hanayo",
    "dualpipe",       "dualpipev",     "seq1f1b",
    "pipedream",      "pipedream-2bw",
};

// Chosen by the planner.
inline constexpr std::string_view kAutoSchedule = "auto";

// Schedules whose stages update their weights several times in a step, without
// a global norm.
inline bool HasWeightVersions(std::string_view schedule) {
  return schedule == "pipedream" || schedule == "pipedream-2bw";
}

inline std::vector<std::string> ScheduleNames() {
  return {kScheduleNames.begin(), kScheduleNames.end()};
}

}  // namespace penstock

#endif  // PROTO_SCHEDULE_NAMES_H_
