#include "coordinator/service/checkpoints_service.h"

#include "coordinator/service/request_checks.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint.h"
#include "proto/rpc/grpc_status.h"
#include "proto/time_proto.h"

namespace penstock {

absl::StatusOr<v1::ListCheckpointsResponse> CheckpointsService::List(
    const v1::ListCheckpointsRequest& request) {
  RETURN_IF_ERROR(CheckGiven("job", request.job()));
  // The name leads to a path, so only that of a known job is used.
  ASSIGN_OR_RETURN(const JobView job, cluster_.Get(request.job()));
  ASSIGN_OR_RETURN(
      const std::vector<CheckpointEntry> entries,
      ListCheckpoints(fmt::format("{}/{}", directory_, job.record.spec.name)));
  v1::ListCheckpointsResponse response;
  for (const CheckpointEntry& entry : entries) {
    v1::Checkpoint* checkpoint = response.add_checkpoints();
    checkpoint->set_path(entry.path);
    checkpoint->set_step(entry.step);
    checkpoint->set_bytes(static_cast<int64_t>(entry.bytes));
    *checkpoint->mutable_time() = TimeToProto(entry.time);
  }
  return response;
}

grpc::Status CheckpointsService::List(grpc::ServerContext* context,
                                      const v1::ListCheckpointsRequest* request,
                                      v1::ListCheckpointsResponse* response) {
  const absl::Status status = CheckDeadline(*context);
  if (!status.ok()) return ToGrpc(status);
  absl::StatusOr<v1::ListCheckpointsResponse> list = List(*request);
  if (!list.ok()) return ToGrpc(list.status());
  *response = *std::move(list);
  return grpc::Status::OK;
}

}  // namespace penstock
