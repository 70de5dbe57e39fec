#ifndef WORKER_LINK_GRPC_LINK_H_
#define WORKER_LINK_GRPC_LINK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/rpc/tls.h"
#include "worker/link/link.h"

namespace penstock {

struct GrpcLinkOptions {
  std::string job;
  uint64_t epoch = 0;
  int self = 0;  // Which of the peers this is.
  // One for each peer, for messages: "rank 1 of replica 0".
  std::vector<std::string> peer_names;
  std::string listen_host = "127.0.0.1";  // "[::1]" for IPv6.
  TlsFiles tls;                           // Required beyond loopback.
  // A stream that has not said by then whose it is, is ended.
  absl::Duration hello_timeout = absl::Seconds(10);
};

// Joins executors of any machines over gRPC (tensor_transport.proto). Tensors
// go from the sender's memory to the socket and from gRPC's receive buffers to
// the posted buffer; nothing is serialized. Two threads: one sends, one
// receives.
//
// Order of use: Start on every executor, exchange addresses, Connect on every
// executor, then as any Link. Buffers may be posted before Connect. When a peer
// vanishes without a word, keepalive notices within seven seconds.
//
// The destructor sends what has met its credit and was not aborted, for two
// seconds at most, and then ends everything.
class GrpcLink : public Link {
 public:
  // Listens on a free port.
  //
  // Errors:
  //   InvalidArgument: `self` has no name.
  //   FailedPrecondition: no TLS files, and the host is not this machine.
  //   Unavailable: the host is not this machine's.
  static absl::StatusOr<std::unique_ptr<GrpcLink>> Start(
      const GrpcLinkOptions& options);

  // Where peers reach this link, host:port.
  virtual std::string address() const = 0;

  // Opens the stream to every peer and waits until each has accepted it. An
  // empty address stands for a peer that nothing is exchanged with, and for
  // this one. Called once.
  //
  // Errors:
  //   InvalidArgument: not one address per peer.
  //   FailedPrecondition: plaintext to another machine; or called before.
  //   Aborted: a peer refused, as it is of another job or epoch.
  //   Unavailable: a peer cannot be reached; the message names it.
  //   DeadlineExceeded: a peer has not answered by `deadline`; likewise.
  virtual absl::Status Connect(const std::vector<std::string>& peer_addresses,
                               absl::Time deadline) = 0;
};

}  // namespace penstock

#endif  // WORKER_LINK_GRPC_LINK_H_
