#ifndef COORDINATOR_CLI_WATCH_VIEW_H_
#define COORDINATOR_CLI_WATCH_VIEW_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/v1/jobs.pb.h"

namespace penstock {

// What a watcher has seen of one job.
struct WatchState {
  v1::Job job;
  std::optional<v1::StepMetrics> metrics;  // The newest.
  v1::GetTraceResponse trace;              // Empty until the first came.
  bool connected = true;                   // To the coordinator.
};

// Until the last step, at the pace of the newest one.
absl::Duration TimeLeft(const v1::Job& job, const v1::StepMetrics& metrics);

// "step 180/600  loss 3.4100  41.8k tokens/s  bubble 11.3 % (predicted 11.1 %)
// 21.0 s left", on one line, without its end.
std::string StepLine(const v1::Job& job, const v1::StepMetrics& metrics);

// "kjv: RUNNING, all ranks train".
std::string StateLine(const v1::Job& job);

// The lines that a terminal shows and redraws: state, step, timeline. None is
// wider than `width`.
std::vector<std::string> WatchLines(const WatchState& state, int width,
                                    bool color);

}  // namespace penstock

#endif  // COORDINATOR_CLI_WATCH_VIEW_H_
