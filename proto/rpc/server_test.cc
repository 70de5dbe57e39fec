#include "proto/rpc/server.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <vector>

#include "gtest/gtest.h"
#include "proto/base/file.h"
#include "proto/base/random.h"
#include "proto/internal/v1/tensor_transport.grpc.pb.h"
#include "proto/rpc/channel.h"
#include "proto/rpc/health.h"

namespace penstock {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(20);

// Any service will do; this one answers UNIMPLEMENTED.
absl::StatusOr<std::unique_ptr<RpcServer>> StartOn(const std::string& address) {
  static internal::v1::TensorTransport::Service service;
  return RpcServer::Start({.address = address}, {&service});
}

std::unique_ptr<RpcServer> StartOnLoopback() {
  auto server = StartOn("127.0.0.1:0");
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

std::shared_ptr<grpc::Channel> ChannelTo(const RpcServer& server) {
  auto channel = MakeChannel(server.address(), {});
  EXPECT_TRUE(channel.ok()) << channel.status();
  return *channel;
}

TEST(RpcServerTest, TakesAFreePortAndIsHealthy) {
  const auto server = StartOnLoopback();
  EXPECT_GT(server->port(), 0);
  EXPECT_EQ(server->address(), "127.0.0.1:" + std::to_string(server->port()));
  const absl::Status health = CheckHealth(ChannelTo(*server), kTimeout);
  EXPECT_TRUE(health.ok()) << health;
}

TEST(RpcServerTest, SaysWhenItDoesNotServe) {
  const auto server = StartOnLoopback();
  server->SetServing(false);
  EXPECT_EQ(CheckHealth(ChannelTo(*server), kTimeout).code(),
            absl::StatusCode::kUnavailable);
}

TEST(RpcServerTest, RefusesATakenPortAndNamesIt) {
  const auto first = StartOnLoopback();
  const auto second = StartOn(first->address());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(second.status().message()),
            "cannot listen on " + first->address() +
                ": the port is taken, or the address is not this machine's");
}

TEST(RpcServerTest, RefusesPlaintextForOtherMachines) {
  const auto server = StartOn("0.0.0.0:0");
  EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(server.status().message()).find("--tls-certificate"),
            std::string::npos);
}

TEST(RpcServerTest, RefusesAnAddressWithoutPort) {
  EXPECT_EQ(StartOn("localhost").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(RpcServerTest, RaisesTheLimitOfOpenFiles) {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 256);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  const auto server = StartOnLoopback();
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
}

TEST(RpcServerTest, SurvivesGarbageOnItsPort) {
  const auto server = StartOnLoopback();
  const FileDescriptor fd(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(server->port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(
      connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
  Random random(1);
  std::vector<char> garbage(64 << 10);
  for (char& byte : garbage) byte = static_cast<char>(random.Next());
  // The server may hang up before it has read everything.
  (void)send(fd.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL);
  // Read until it does, so that the garbage was certainly looked at.
  char answer[256];
  while (recv(fd.get(), answer, sizeof(answer), 0) > 0) {
  }
  const absl::Status health = CheckHealth(ChannelTo(*server), kTimeout);
  EXPECT_TRUE(health.ok()) << health;
}

}  // namespace
}  // namespace penstock
