#ifndef PROTO_BASE_LOG_H_
#define PROTO_BASE_LOG_H_

#include <string_view>

#include "spdlog/spdlog.h"

namespace penstock {

// Sends spdlog's lines to stderr in UTC, each with `process` in it. Called
// once, by main, before the first thread. A line is an event and fields:
//   worker lost incarnation=7 stage=2 status="UNAVAILABLE: ..."
inline void InitLog(std::string_view process) {
  spdlog::set_pattern(fmt::format("%Y-%m-%dT%H:%M:%S.%eZ %l {} %v", process),
                      spdlog::pattern_time_type::utc);
  spdlog::flush_on(spdlog::level::info);
}

}  // namespace penstock

#endif  // PROTO_BASE_LOG_H_
