#ifndef PROTO_RPC_CHANNEL_H_
#define PROTO_RPC_CHANNEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "proto/rpc/tls.h"

namespace penstock {

// Of one message that a client accepts: an instruction with twenty of the
// largest plans. gRPC's default of 4 MiB is one of them.
inline constexpr int kReceivedBytesMax = 64 << 20;

// A channel to `address` (host:port, or unix:path) with mutual TLS when files
// are given. Notices a cut connection within seconds (keepalive.h), ignores
// proxies of the environment, and does not share its connection with other
// channels. Connects on first use; nothing is sent here.
//
// Errors:
//   FailedPrecondition: no TLS files, and the address is not on this machine.
//   Others: as ReadTlsFiles says.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(
    const std::string& address, const TlsFiles& tls);

// Makes the call of `context` fail with DEADLINE_EXCEEDED after `timeout`.
void WithDeadline(grpc::ClientContext& context, absl::Duration timeout);

}  // namespace penstock

#endif  // PROTO_RPC_CHANNEL_H_
