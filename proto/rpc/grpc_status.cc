#include "proto/rpc/grpc_status.h"

#include <string>

namespace penstock {
namespace {

constexpr int kCodeMax = 16;

// Both enumerations are the canonical codes.
static_assert(static_cast<int>(absl::StatusCode::kUnauthenticated) == kCodeMax);
static_assert(grpc::StatusCode::UNAUTHENTICATED == kCodeMax);
static_assert(static_cast<int>(absl::StatusCode::kAborted) ==
              grpc::StatusCode::ABORTED);

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  int code = static_cast<int>(status.code());
  if (code < 0 || code > kCodeMax) code = grpc::StatusCode::UNKNOWN;
  return grpc::Status(static_cast<grpc::StatusCode>(code),
                      std::string(status.message()));
}

absl::Status FromGrpc(const grpc::Status& status) {
  // gRPC itself turns codes that it does not know into UNKNOWN.
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

}  // namespace penstock
