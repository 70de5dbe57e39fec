#ifndef COORDINATOR_SERVICE_COORDINATOR_SERVER_H_
#define COORDINATOR_SERVICE_COORDINATOR_SERVER_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/service/checkpoints_service.h"
#include "coordinator/service/cluster.h"
#include "coordinator/service/jobs_service.h"
#include "coordinator/service/preflight.h"
#include "coordinator/service/worker_pool_service.h"
#include "coordinator/service/workers_service.h"
#include "coordinator/storage/state_directory.h"
#include "proto/rpc/server.h"

namespace penstock {

struct CoordinatorServerOptions {
  std::string state_directory;
  std::string listen = "127.0.0.1:0";
  // Below which jobs' paths may lie, besides the state directory's checkpoints.
  std::vector<std::string> roots;
  absl::Duration lease = absl::Seconds(30);
  absl::Duration interval = absl::Seconds(1);  // Between a worker's reports.
  TlsFiles tls;
};

// The whole daemon but for flags and signals: state directory, journal,
// cluster, services, gRPC server, and the thread that lets leases end.
//
// Thread-safe.
class CoordinatorServer {
 public:
  // Serves when it returns, and `address` in the state directory says where.
  //
  // Errors:
  //   FailedPrecondition: another coordinator has the state directory; or the
  //     address needs TLS.
  //   Unavailable: the port is taken.
  //   DataLoss: the journal is damaged.
  //   InvalidArgument, NotFound: a root is not a directory.
  static absl::StatusOr<std::unique_ptr<CoordinatorServer>> Start(
      const CoordinatorServerOptions& options);

  ~CoordinatorServer();  // Stops.

  std::string address() const { return rpc_->address(); }
  const std::string& state_directory() const { return directory_.path(); }

  // Says NOT_SERVING, ends streams, waits `grace` for calls, cancels the rest,
  // and closes the journal's last batch. Once; later calls do nothing.
  void Stop(absl::Duration grace);

 private:
  CoordinatorServer(StateDirectory directory, AllowedRoots roots,
                    std::unique_ptr<Cluster> cluster);

  void TickUntilStopped();
  void ReviseUntilStopped();

  StateDirectory directory_;  // First, so that the lock is given back last.
  const Preflight preflight_;
  const std::unique_ptr<Cluster> cluster_;
  JobsService jobs_;
  WorkersService workers_;
  CheckpointsService checkpoints_;
  WorkerPoolService worker_pool_;
  std::unique_ptr<RpcServer> rpc_;
  std::thread ticker_;
  std::thread reviser_;
};

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_COORDINATOR_SERVER_H_
