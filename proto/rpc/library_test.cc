#include "proto/rpc/library.h"

#include <grpc/grpc.h>
#include <grpcpp/completion_queue.h>

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(LibraryTest, OutlivesTheLastObject) {
  KeepGrpcInitialized();
  { const grpc::CompletionQueue queue; }
  EXPECT_NE(grpc_is_initialized(), 0);
}

}  // namespace
}  // namespace penstock
