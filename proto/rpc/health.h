#ifndef PROTO_RPC_HEALTH_H_
#define PROTO_RPC_HEALTH_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"

namespace penstock {

// OK if the server at the other end says that it serves (grpc.health.v1.Health,
// whole server).
//
// Errors:
//   Unavailable: it says that it does not serve, or is not reached.
//   DeadlineExceeded: no answer within `timeout`.
absl::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel,
                         absl::Duration timeout);

}  // namespace penstock

#endif  // PROTO_RPC_HEALTH_H_
