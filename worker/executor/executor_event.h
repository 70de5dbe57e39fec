#ifndef WORKER_EXECUTOR_EXECUTOR_EVENT_H_
#define WORKER_EXECUTOR_EXECUTOR_EVENT_H_

#include "absl/status/statusor.h"
#include "proto/internal/v1/executor.pb.h"
#include "worker/agent/agent.h"

namespace penstock {

// What an executor's message means to the agent.
//
// Errors:
//   InvalidArgument: the message is none of the protocol, or has bad values.
absl::StatusOr<ExecutorEvent> ExecutorEventFromProto(
    const internal::v1::FromExecutor& message);

}  // namespace penstock

#endif  // WORKER_EXECUTOR_EXECUTOR_EVENT_H_
