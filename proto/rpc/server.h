#ifndef PROTO_RPC_SERVER_H_
#define PROTO_RPC_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "proto/rpc/tls.h"

namespace penstock {

struct RpcServerOptions {
  std::string address;  // host:port; port 0 takes any free one.
  TlsFiles tls;
  int message_bytes_max = 4 << 20;  // Of what clients send.
  // Threads for calls of synchronous services; a watcher's stream keeps one.
  int threads_max = 256;
  // For servers with completion queues of their own.
  std::function<void(grpc::ServerBuilder&)> configure =
      [](grpc::ServerBuilder&) {};
};

// A listening server with the standard health service, which says SERVING from
// the start. Thread-safe.
class RpcServer {
 public:
  // Listens. `services` must outlive the server; without any, `configure` must
  // add a completion queue, or nothing would read from the connections. Raises
  // the process's limit of open files to what the system allows.
  //
  // Errors:
  //   FailedPrecondition: no TLS files, and the address is not on this machine.
  //   Unavailable: the port is taken, or the address is not this machine's.
  //   Others: as ReadTlsFiles says.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(
      const RpcServerOptions& options,
      const std::vector<grpc::Service*>& services);

  // Shuts down without grace if Shutdown was not called.
  ~RpcServer();

  int port() const { return port_; }

  // As given, with the port that was taken.
  std::string address() const;

  // What the health service answers.
  void SetServing(bool serving);

  // Stops accepting, lets calls end by themselves for `grace`, then cancels
  // them. Returns when all handlers of synchronous services have returned.
  void Shutdown(absl::Duration grace);

 private:
  RpcServer() = default;

  std::string host_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace penstock

#endif  // PROTO_RPC_SERVER_H_
