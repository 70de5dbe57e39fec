#include "proto/rpc/health.h"

#include <grpcpp/client_context.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "proto/base/status_macros.h"
#include "proto/rpc/channel.h"
#include "proto/rpc/grpc_status.h"

namespace penstock {

absl::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel,
                         absl::Duration timeout) {
  grpc::ClientContext context;
  WithDeadline(context, timeout);
  const grpc::internal::RpcMethod method(
      "/grpc.health.v1.Health/Check",
      grpc::internal::RpcMethod::RpcType::NORMAL_RPC, channel);
  // The messages are so small that no generated code is needed: an empty
  // HealthCheckRequest asks for the whole server, and field 1 of the response
  // is 1 for SERVING.
  grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  grpc::ByteBuffer response;
  RETURN_IF_ERROR(FromGrpc(
      grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
          channel.get(), method, &context, request, &response)));
  grpc::Slice bytes;
  RETURN_IF_ERROR(FromGrpc(response.DumpToSingleSlice(&bytes)));
  const std::string text(bytes.begin(), bytes.end());
  if (text != "\x08\x01") return absl::UnavailableError("does not serve");
  return absl::OkStatus();
}

}  // namespace penstock
