#ifndef COORDINATOR_CLI_TRACE_JSON_H_
#define COORDINATOR_CLI_TRACE_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "proto/v1/jobs.pb.h"

namespace penstock {

// Traces in Chrome's JSON form, for https://ui.perfetto.dev: a process per rank
// of each replica, in it the tracks "measured" and "planned" (what keeps the
// device busy), and "measured transfers" and "planned transfers", several of
// those when transfers overlap. Slices are named by their actions ("2F0");
// their arguments say step, stage and micro-batch. The planned step stands
// below each measured one, from the moment its replica began.
//
// Times are in microseconds since the first step began. Ranks on several
// machines have clocks of their own; a replica whose ranks began further apart
// than its step is long is drawn as if they had begun together.
//
// Traces that are not of the plan in force are left out.
//
// Errors:
//   FailedPrecondition: there is no trace yet.
//   InvalidArgument: a program of the plan cannot be read.
absl::StatusOr<std::string> TraceJson(const v1::GetTraceResponse& trace);

}  // namespace penstock

#endif  // COORDINATOR_CLI_TRACE_JSON_H_
