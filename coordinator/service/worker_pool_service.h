#ifndef COORDINATOR_SERVICE_WORKER_POOL_SERVICE_H_
#define COORDINATOR_SERVICE_WORKER_POOL_SERVICE_H_

#include "coordinator/service/cluster.h"
#include "proto/internal/v1/worker_pool.grpc.pb.h"

namespace penstock {

// penstock.internal.v1.WorkerPool: answers each report of a stream. A stream
// has no state; a worker may send its reports over any number of them, one
// after the other. Thread-safe.
class WorkerPoolService final : public internal::v1::WorkerPool::Service {
 public:
  explicit WorkerPoolService(Cluster& cluster) : cluster_(cluster) {}

  grpc::Status Synchronize(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<internal::v1::WorkerInstruction,
                               internal::v1::WorkerReport>* stream) override;

 private:
  Cluster& cluster_;
};

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_WORKER_POOL_SERVICE_H_
