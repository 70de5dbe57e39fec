#include "coordinator/service/workers_service.h"

#include "coordinator/service/request_checks.h"
#include "coordinator/service/view_proto.h"
#include "proto/base/status_macros.h"
#include "proto/rpc/grpc_status.h"

namespace penstock {

absl::StatusOr<v1::Worker> WorkersService::Drain(
    const v1::DrainRequest& request) {
  RETURN_IF_ERROR(CheckGiven("request_id", request.request_id()));
  RETURN_IF_ERROR(CheckGiven("name", request.name()));
  ASSIGN_OR_RETURN(const WorkerView worker,
                   cluster_.Drain(request.name(), request.undo()));
  return WorkerToProto(worker, cluster_.now());
}

grpc::Status WorkersService::List(grpc::ServerContext* context,
                                  const v1::ListWorkersRequest* /*request*/,
                                  v1::ListWorkersResponse* response) {
  const absl::Status status = CheckDeadline(*context);
  if (!status.ok()) return ToGrpc(status);
  const absl::StatusOr<std::vector<WorkerView>> workers = cluster_.Workers();
  if (!workers.ok()) return ToGrpc(workers.status());
  for (const WorkerView& worker : *workers) {
    *response->add_workers() = WorkerToProto(worker, cluster_.now());
  }
  return grpc::Status::OK;
}

grpc::Status WorkersService::Drain(grpc::ServerContext* context,
                                   const v1::DrainRequest* request,
                                   v1::Worker* response) {
  const absl::Status status = CheckDeadline(*context);
  if (!status.ok()) return ToGrpc(status);
  absl::StatusOr<v1::Worker> worker = Drain(*request);
  if (!worker.ok()) return ToGrpc(worker.status());
  *response = *std::move(worker);
  return grpc::Status::OK;
}

}  // namespace penstock
