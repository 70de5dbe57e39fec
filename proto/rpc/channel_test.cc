#include "proto/rpc/channel.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(ChannelTest, RefusesPlaintextToAnotherMachineAndSaysWhatToGive) {
  const auto channel = MakeChannel("10.1.2.3:4000", {});
  EXPECT_EQ(channel.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(channel.status().message()),
            "10.1.2.3:4000 is not on this machine, so it is reached with TLS "
            "only: give --tls-certificate, --tls-key and --tls-authority");
}

TEST(ChannelTest, RefusesHalfASetOfTlsFiles) {
  const auto channel = MakeChannel("127.0.0.1:1", {.key = "key.pem"});
  EXPECT_EQ(channel.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ChannelTest, DoesNotConnectYet) {
  const auto channel = MakeChannel("127.0.0.1:1", {});
  ASSERT_TRUE(channel.ok()) << channel.status();
  EXPECT_EQ((*channel)->GetState(/*try_to_connect=*/false), GRPC_CHANNEL_IDLE);
}

TEST(ChannelTest, DeadlineEndsACall) {
  grpc::ClientContext context;
  const auto before = std::chrono::system_clock::now();
  WithDeadline(context, absl::Seconds(3));
  EXPECT_GE(context.deadline(), before + std::chrono::seconds(3));
  EXPECT_LE(context.deadline(), before + std::chrono::seconds(60));
}

}  // namespace
}  // namespace penstock
