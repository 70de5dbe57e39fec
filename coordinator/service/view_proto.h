#ifndef COORDINATOR_SERVICE_VIEW_PROTO_H_
#define COORDINATOR_SERVICE_VIEW_PROTO_H_

#include "absl/time/time.h"
#include "coordinator/core/coordinator.h"
#include "proto/v1/job.pb.h"
#include "proto/v1/workers.pb.h"

namespace penstock {

// What clients are shown.

v1::Job JobToProto(const JobView& view);

// `now` is the clock that the worker's reports were taken in by.
v1::Worker WorkerToProto(const WorkerView& view, absl::Time now);

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_VIEW_PROTO_H_
