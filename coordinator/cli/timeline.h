#ifndef COORDINATOR_CLI_TIMELINE_H_
#define COORDINATOR_CLI_TIMELINE_H_

#include <string>
#include <vector>

#include "proto/v1/jobs.pb.h"

namespace penstock {

// What one rank did over one step: a character per equal slice of its time, F,
// B, I or W for what filled most of the slice and '.' for idle.
struct TimelineRow {
  int replica = 0;
  int rank = 0;
  std::string cells;
};

// The newest step of which every rank has a trace, `columns` cells a row,
// ordered by replica and rank. Empty when there is no such step. All rows share
// one scale, from the first action's begin to the last one's end.
std::vector<TimelineRow> MakeTimeline(const v1::GetTraceResponse& trace,
                                      int columns);

}  // namespace penstock

#endif  // COORDINATOR_CLI_TIMELINE_H_
