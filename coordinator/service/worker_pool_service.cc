#include "coordinator/service/worker_pool_service.h"

#include "proto/rpc/grpc_status.h"
#include "proto/version.h"
#include "proto/worker_report_proto.h"
#include "spdlog/spdlog.h"

namespace penstock {

grpc::Status WorkerPoolService::Synchronize(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<internal::v1::WorkerInstruction,
                             internal::v1::WorkerReport>* stream) {
  context->AddInitialMetadata(kVersionMetadata, kVersion);
  stream->SendInitialMetadata();
  internal::v1::WorkerReport message;
  while (stream->Read(&message)) {
    const absl::StatusOr<WorkerReport> report = WorkerReportFromProto(message);
    const absl::StatusOr<WorkerInstruction> instruction =
        report.ok() ? cluster_.Synchronize(*report)
                    : absl::StatusOr<WorkerInstruction>(report.status());
    // A later report was answered already, over another stream.
    if (absl::IsAborted(instruction.status())) continue;
    if (!instruction.ok()) {
      spdlog::warn("worker refused name={} peer={} status=\"{}\"",
                   message.name(), context->peer(),
                   instruction.status().ToString());
      return ToGrpc(instruction.status());
    }
    if (!stream->Write(WorkerInstructionToProto(*instruction))) break;
  }
  return grpc::Status::OK;
}

}  // namespace penstock
