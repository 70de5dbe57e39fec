#ifndef WORKER_LINK_GRPC_INCOMING_H_
#define WORKER_LINK_GRPC_INCOMING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/rpc/server.h"
#include "worker/link/grpc_event_loop.h"
#include "worker/link/link.h"

namespace penstock {

struct IncomingOptions {
  std::string job;
  uint64_t epoch = 0;
  int self = 0;
  int peers = 0;
  std::string listen_host;
  absl::Duration hello_timeout = absl::Seconds(10);
  TlsFiles tls;
};

// What happens to messages and peers; called on the loop's thread.
struct IncomingEvents {
  std::function<void(int peer, const MessageKey&, const absl::Status&)>
      on_received;
  std::function<void(int peer, const absl::Status&)> on_ended;
};

// The receiving end of a GrpcLink: hosts TensorTransport and puts what arrives
// into posted buffers. Senders of another job or epoch, and those that break
// the rules of the transport or do not say hello in time, are refused.
//
// Thread-safe.
class GrpcIncoming {
 public:
  // Errors: as RpcServer::Start.
  static absl::StatusOr<std::unique_ptr<GrpcIncoming>> Start(
      const IncomingOptions& options, const IncomingEvents& events);

  // Ends all streams, then the thread; afterwards no buffer is in use.
  ~GrpcIncoming();

  std::string address() const { return server_->address(); }

  // Gives a buffer and tells the peer, now or once its stream is there.
  void Post(int peer, const MessageKey& key, std::span<std::byte> bytes);

  // Ends all streams, present and future, with this.
  void Abort(const absl::Status& reason);

 private:
  class Streams;

  GrpcIncoming() = default;

  // In this order: the streams outlive the loop's thread, which must run until
  // the server has ended.
  std::unique_ptr<Streams> streams_;
  std::unique_ptr<GrpcEventLoop> loop_;
  std::unique_ptr<RpcServer> server_;
};

}  // namespace penstock

#endif  // WORKER_LINK_GRPC_INCOMING_H_
