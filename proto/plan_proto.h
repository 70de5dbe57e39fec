#ifndef PROTO_PLAN_PROTO_H_
#define PROTO_PLAN_PROTO_H_

#include "absl/status/statusor.h"
#include "proto/internal/v1/worker_pool.pb.h"
#include "proto/metrics.h"
#include "proto/plan.h"
#include "proto/v1/job.pb.h"

namespace penstock {

// What clients are shown of a plan.
v1::Plan PlanToProto(const Plan& plan);

// All that an executor needs. Exact: PlanFromProto gives `plan` back, with
// times to the nanosecond.
internal::v1::Plan PlanToInternalProto(const Plan& plan);

// Never trusts the sender: the job is valid and its architecture known; stages
// cover the model's units in order, without gap, none empty; each rank of the
// pipeline has a stage; programs parse and name only stages of their rank and
// micro-batches of the job; buffers are of the rank's stages and few; times and
// sizes are not negative.
//
// Errors:
//   InvalidArgument: "<field path>: <value>: <what would be accepted>".
absl::StatusOr<Plan> PlanFromProto(const internal::v1::Plan& message);

// The same for a plan without its start, of a job known otherwise.
absl::StatusOr<Plan> PlanFromProto(const v1::Plan& message, JobSpec spec);

internal::v1::Assignment AssignmentToProto(const Assignment& assignment);

// Errors:
//   InvalidArgument: no job, epoch 0, or a negative replica or rank.
absl::StatusOr<Assignment> AssignmentFromProto(
    const internal::v1::Assignment& message);

v1::StepMetrics StepMetricsToProto(const StepMetrics& metrics);

// Errors:
//   InvalidArgument: the step is not positive.
absl::StatusOr<StepMetrics> StepMetricsFromProto(
    const v1::StepMetrics& message);

v1::StepTrace StepTraceToProto(const StepTrace& trace);

// Errors:
//   InvalidArgument: the step is not positive, replica or rank are negative,
//     an action has a begin but no end, or ends before it begins.
absl::StatusOr<StepTrace> StepTraceFromProto(const v1::StepTrace& message);

}  // namespace penstock

#endif  // PROTO_PLAN_PROTO_H_
