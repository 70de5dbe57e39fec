#include "worker/client/health_server.h"

#include "gtest/gtest.h"
#include "proto/rpc/channel.h"
#include "proto/rpc/health.h"

namespace penstock {
namespace {

TEST(HealthServerTest, ServesUntilItIsDestroyed) {
  auto health = HealthServer::Start("127.0.0.1:0", {});
  ASSERT_TRUE(health.ok()) << health.status();
  const auto channel = MakeChannel((*health)->address(), {});
  ASSERT_TRUE(channel.ok()) << channel.status();
  EXPECT_TRUE(CheckHealth(*channel, absl::Seconds(10)).ok());
  health->reset();
  EXPECT_FALSE(CheckHealth(*channel, absl::Seconds(10)).ok());
}

TEST(HealthServerTest, RefusesToListenBeyondThisMachineWithoutTls) {
  EXPECT_EQ(HealthServer::Start("0.0.0.0:0", {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace penstock
