#ifndef WORKER_CLIENT_HEALTH_SERVER_H_
#define WORKER_CLIENT_HEALTH_SERVER_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "proto/rpc/server.h"
#include "proto/rpc/tls.h"

namespace penstock {

// Answers grpc.health.v1 for a daemon that has no other service: SERVING from
// Start until the destructor begins. For probes; nothing else listens here.
class HealthServer {
 public:
  // Errors: those of RpcServer::Start.
  static absl::StatusOr<std::unique_ptr<HealthServer>> Start(
      const std::string& address, const TlsFiles& tls);

  ~HealthServer();

  // "host:port".
  std::string address() const { return server_->address(); }

 private:
  HealthServer() = default;

  // gRPC's own health service is driven by a queue that somebody polls.
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<RpcServer> server_;
  std::thread poller_;
};

}  // namespace penstock

#endif  // WORKER_CLIENT_HEALTH_SERVER_H_
