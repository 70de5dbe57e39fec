#ifndef PROTO_LOG_LINE_H_
#define PROTO_LOG_LINE_H_

#include <string>

#include "absl/time/time.h"

namespace penstock {

// A line that a job's executors or the coordinator wrote for its owner.
struct LogLine {
  absl::Time time;     // Wall time; whole microseconds are kept.
  std::string source;  // "coordinator", or "replica 0 rank 1 (worker-1)".
  std::string level;   // "info", "warn" or "error".
  std::string text;

  friend bool operator==(const LogLine&, const LogLine&) = default;
};

}  // namespace penstock

#endif  // PROTO_LOG_LINE_H_
