#ifndef COORDINATOR_STORAGE_JOB_RECORD_PROTO_H_
#define COORDINATOR_STORAGE_JOB_RECORD_PROTO_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/core/job.h"
#include "proto/v1/job.pb.h"

namespace penstock {

// A job in the form in which the journal keeps it: a serialized
// penstock.internal.v1.JobRecord. Exact, but for times, of which whole
// nanoseconds are kept.
std::string SerializeJobRecord(const JobRecord& record);

// Errors:
//   DataLoss: not a record, or not one that this version understands; the
//     message names the job and the field.
absl::StatusOr<JobRecord> ParseJobRecord(std::string_view name,
                                         std::string_view bytes);

v1::JobState JobStateToProto(JobState state);

v1::PlanRevision RevisionToProto(const RevisionRecord& revision);

}  // namespace penstock

#endif  // COORDINATOR_STORAGE_JOB_RECORD_PROTO_H_
