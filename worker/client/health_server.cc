#include "worker/client/health_server.h"

#include "absl/time/time.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<std::unique_ptr<HealthServer>> HealthServer::Start(
    const std::string& address, const TlsFiles& tls) {
  std::unique_ptr<HealthServer> health(new HealthServer);
  RpcServerOptions options{.address = address, .tls = tls};
  options.configure = [&](grpc::ServerBuilder& builder) {
    health->queue_ = builder.AddCompletionQueue();
  };
  ASSIGN_OR_RETURN(health->server_, RpcServer::Start(options, {}));
  health->poller_ = std::thread([queue = health->queue_.get()] {
    void* tag = nullptr;
    bool ok = false;
    // Has no calls of its own: ends when the queue is shut down.
    while (queue->Next(&tag, &ok)) {
    }
  });
  return health;
}

HealthServer::~HealthServer() {
  if (server_ != nullptr) {
    server_->SetServing(false);
    server_->Shutdown(absl::ZeroDuration());
  }
  if (queue_ != nullptr) queue_->Shutdown();
  if (poller_.joinable()) poller_.join();
}

}  // namespace penstock
