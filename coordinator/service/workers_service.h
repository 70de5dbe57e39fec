#ifndef COORDINATOR_SERVICE_WORKERS_SERVICE_H_
#define COORDINATOR_SERVICE_WORKERS_SERVICE_H_

#include "coordinator/service/cluster.h"
#include "proto/v1/workers.grpc.pb.h"

namespace penstock {

// penstock.v1.Workers. Thread-safe.
class WorkersService final : public v1::Workers::Service {
 public:
  explicit WorkersService(Cluster& cluster) : cluster_(cluster) {}

  grpc::Status List(grpc::ServerContext* context,
                    const v1::ListWorkersRequest* request,
                    v1::ListWorkersResponse* response) override;
  grpc::Status Drain(grpc::ServerContext* context,
                     const v1::DrainRequest* request,
                     v1::Worker* response) override;

 private:
  absl::StatusOr<v1::Worker> Drain(const v1::DrainRequest& request);

  Cluster& cluster_;
};

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_WORKERS_SERVICE_H_
