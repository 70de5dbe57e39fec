#include "proto/rpc/grpc_status.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(GrpcStatusTest, KeepsEveryCodeAndMessage) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "a message");
    const grpc::Status there = ToGrpc(status);
    EXPECT_EQ(static_cast<int>(there.error_code()), code);
    EXPECT_EQ(FromGrpc(there), status);
  }
}

TEST(GrpcStatusTest, KeepsOk) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
}

TEST(GrpcStatusTest, TakesACodeThatIsNoneForUnknown) {
  const absl::Status odd(static_cast<absl::StatusCode>(-7), "odd");
  EXPECT_EQ(ToGrpc(odd).error_code(), grpc::StatusCode::UNKNOWN);
  EXPECT_EQ(ToGrpc(odd).error_message(), "odd");
}

}  // namespace
}  // namespace penstock
