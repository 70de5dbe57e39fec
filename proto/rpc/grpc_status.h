#ifndef PROTO_RPC_GRPC_STATUS_H_
#define PROTO_RPC_GRPC_STATUS_H_

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace penstock {

// The two have the same codes; code and message survive a round trip. What is
// no code at all becomes UNKNOWN.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace penstock

#endif  // PROTO_RPC_GRPC_STATUS_H_
