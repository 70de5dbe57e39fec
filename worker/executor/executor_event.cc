#include "worker/executor/executor_event.h"

#include <string>
#include <utility>
#include <vector>

#include "proto/base/status_macros.h"
#include "proto/communicator_proto.h"
#include "proto/plan_proto.h"
#include "proto/worker_report_proto.h"

namespace penstock {
namespace {

using internal::v1::FromExecutor;

absl::Status FailureFromProto(const internal::v1::Failed& failed) {
  const auto code = static_cast<absl::StatusCode>(failed.code());
  if (code == absl::StatusCode::kOk) {
    return absl::InternalError("the executor failed without a code");
  }
  return absl::Status(code, failed.message());
}

}  // namespace

absl::StatusOr<ExecutorEvent> ExecutorEventFromProto(
    const FromExecutor& message) {
  switch (message.message_case()) {
    case FromExecutor::kReady: {
      ASSIGN_OR_RETURN(
          std::vector<CommunicatorId> communicators,
          CommunicatorIdsFromProto(message.ready().communicators()));
      return ExecutorReady{message.ready().transport_address(),
                           std::move(communicators)};
    }
    case FromExecutor::kProgress:
      return ExecutorProgress{ProgressFromProto(message.progress())};
    case FromExecutor::kMetrics: {
      ASSIGN_OR_RETURN(const StepMetrics metrics,
                       StepMetricsFromProto(message.metrics()));
      return ExecutorMetrics{metrics};
    }
    case FromExecutor::kTrace: {
      ASSIGN_OR_RETURN(StepTrace trace, StepTraceFromProto(message.trace()));
      return ExecutorTrace{std::move(trace)};
    }
    case FromExecutor::kLog:
      return ExecutorLog{LogLineFromProto(message.log())};
    case FromExecutor::kFinished:
      return ExecutorFinished{ProgressFromProto(message.finished().progress())};
    case FromExecutor::kFailed:
      return ExecutorFailed{FailureFromProto(message.failed())};
    case FromExecutor::MESSAGE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("an empty message from the executor");
}

}  // namespace penstock
