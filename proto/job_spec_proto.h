#ifndef PROTO_JOB_SPEC_PROTO_H_
#define PROTO_JOB_SPEC_PROTO_H_

#include "absl/status/statusor.h"
#include "proto/job_spec.h"
#include "proto/v1/job.pb.h"

namespace penstock {

// The job that `message` describes, with the documented defaults filled in,
// and valid (see Validate). With `model.init_from`, the architecture is left
// default for whoever reads the directory's config.json.
//
// Errors:
//   InvalidArgument: a required field is missing, or as Validate says; the
//     message begins with the path of the field.
absl::StatusOr<JobSpec> JobSpecFromProto(const v1::JobSpec& message);

// Every field set, defaults too, so that it means the same to a reader with
// other defaults. Exact: JobSpecFromProto gives `spec` back, but for the
// architecture of a job with `init_from`, which the message has no place for.
v1::JobSpec JobSpecToProto(const JobSpec& spec);

}  // namespace penstock

#endif  // PROTO_JOB_SPEC_PROTO_H_
