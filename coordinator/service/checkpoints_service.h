#ifndef COORDINATOR_SERVICE_CHECKPOINTS_SERVICE_H_
#define COORDINATOR_SERVICE_CHECKPOINTS_SERVICE_H_

#include <string>
#include <utility>

#include "coordinator/service/cluster.h"
#include "proto/v1/checkpoints.grpc.pb.h"

namespace penstock {

// penstock.v1.Checkpoints. Looks at the directories, which are the truth.
// Thread-safe.
class CheckpointsService final : public v1::Checkpoints::Service {
 public:
  // `directory` has one directory for each job.
  CheckpointsService(Cluster& cluster, std::string directory)
      : cluster_(cluster), directory_(std::move(directory)) {}

  grpc::Status List(grpc::ServerContext* context,
                    const v1::ListCheckpointsRequest* request,
                    v1::ListCheckpointsResponse* response) override;

 private:
  absl::StatusOr<v1::ListCheckpointsResponse> List(
      const v1::ListCheckpointsRequest& request);

  Cluster& cluster_;
  const std::string directory_;
};

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_CHECKPOINTS_SERVICE_H_
