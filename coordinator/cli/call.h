#ifndef COORDINATOR_CLI_CALL_H_
#define COORDINATOR_CLI_CALL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/cli/connection.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "proto/rpc/grpc_status.h"

namespace penstock {

// One unary call of `Service`, with retries:
//   Call<v1::Jobs>(flags, &v1::Jobs::Stub::Get, request)
//
// Errors: those of CallWithRetries.
template <typename Service, typename Request, typename Response>
absl::StatusOr<Response> Call(
    const ConnectionFlags& flags,
    grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                          Response*),
    const Request& request) {
  Response response;
  const absl::Status status =
      CallWithRetries(flags, [&](const std::shared_ptr<grpc::Channel>& channel,
                                 grpc::ClientContext& context) {
        response.Clear();
        const auto stub = Service::NewStub(channel);
        return FromGrpc((stub.get()->*method)(&context, request, &response));
      });
  if (!status.ok()) return status;
  return response;
}

}  // namespace penstock

#endif  // COORDINATOR_CLI_CALL_H_
