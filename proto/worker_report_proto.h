#ifndef PROTO_WORKER_REPORT_PROTO_H_
#define PROTO_WORKER_REPORT_PROTO_H_

#include "absl/status/statusor.h"
#include "proto/internal/v1/worker_pool.pb.h"
#include "proto/v1/job.pb.h"
#include "proto/worker_report.h"

// Where the generated types of the Synchronize protocol end. Conversions to the
// values lose nothing; those from messages refuse what no correct peer sends.

namespace penstock {

internal::v1::WorkerReport WorkerReportToProto(const WorkerReport& report);

// Errors:
//   InvalidArgument: "<field path>: <what is wrong>": an unknown state, an
//     assignment where there must be none, a failure without a code, too many
//     devices or metrics, as the field comments of the message say.
absl::StatusOr<WorkerReport> WorkerReportFromProto(
    const internal::v1::WorkerReport& message);

internal::v1::WorkerInstruction WorkerInstructionToProto(
    const WorkerInstruction& instruction);

// Errors: InvalidArgument, likewise.
absl::StatusOr<WorkerInstruction> WorkerInstructionFromProto(
    const internal::v1::WorkerInstruction& message);

// Of messages between worker and executor, too.
internal::v1::Progress ProgressToProto(const Progress& progress);
Progress ProgressFromProto(const internal::v1::Progress& message);

v1::LogLine LogLineToProto(const LogLine& line);
LogLine LogLineFromProto(const v1::LogLine& message);

}  // namespace penstock

#endif  // PROTO_WORKER_REPORT_PROTO_H_
