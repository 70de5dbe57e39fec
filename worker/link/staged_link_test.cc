#include "worker/link/staged_link.h"

#include <array>
#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "worker/link/late_copy_queue.h"
#include "worker/link/local_link.h"
#include "worker/link/staging_buffers.h"

namespace penstock {
namespace {

constexpr MessageKey kTensor{.step = 1, .tag = 7};
constexpr MessageKey kNote{.step = 1, .tag = 8};

StagedLink::Options Staging(absl::Status out = {}, absl::Status in = {}) {
  return {.peers = 2,
          .on_device = [](const MessageKey& key) { return key != kNote; },
          .out = std::make_unique<LateCopyQueue>(std::move(out)),
          .in = std::make_unique<LateCopyQueue>(std::move(in))};
}

class StagedLinkTest : public testing::Test {
 protected:
  absl::Time Soon() const { return SteadyNow() + absl::Seconds(30); }

  const std::shared_ptr<LocalHub> hub_ = LocalHub::Create(2);
  const std::array<std::byte, 3> sent_ = {std::byte{1}, std::byte{2},
                                          std::byte{3}};
  std::array<std::byte, 3> received_ = {};
};

// The receiver's memory would be copied in late, too, and never is.
TEST_F(StagedLinkTest, WhatTheHostMakesGoesAsItIs) {
  StagedLink sender(hub_->link(0), Staging(absl::InternalError("a copy out")));
  StagedLink receiver(hub_->link(1),
                      Staging({}, absl::InternalError("a copy in")));
  ASSERT_TRUE(receiver.PostReceive(0, kNote, received_).ok());
  ASSERT_TRUE(sender.Send(1, kNote, sent_).ok());
  EXPECT_TRUE(sender.WaitSent(1, kNote, Soon()).ok());
  EXPECT_TRUE(receiver.WaitReceived(0, kNote, Soon()).ok());
  EXPECT_EQ(received_, sent_);
}

TEST_F(StagedLinkTest, ALostDeviceFailsTheMessageThatItHolds) {
  const absl::Status lost = absl::UnavailableError("the device is lost");
  StagedLink sender(hub_->link(0), Staging(lost));
  const std::unique_ptr<Link> receiver = hub_->link(1);
  ASSERT_TRUE(sender.Send(1, kTensor, sent_).ok());
  EXPECT_EQ(sender.WaitSent(1, kTensor, Soon()), lost);
}

TEST_F(StagedLinkTest, ALostDeviceFailsTheMessageForIt) {
  const absl::Status lost = absl::UnavailableError("the device is lost");
  const std::unique_ptr<Link> sender = hub_->link(0);
  StagedLink receiver(hub_->link(1), Staging({}, lost));
  ASSERT_TRUE(receiver.PostReceive(0, kTensor, received_).ok());
  ASSERT_TRUE(sender->Send(1, kTensor, sent_).ok());
  EXPECT_EQ(receiver.WaitReceived(0, kTensor, Soon()), lost);
}

TEST_F(StagedLinkTest, BuffersServeMessagesOfTheirSizeAgain) {
  LateCopyQueue queue;
  StagingBuffers buffers(queue);
  const auto first = buffers.Lend(64);
  const auto second = buffers.Lend(64);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first->data(), second->data());
  buffers.Return(*first);
  const auto other = buffers.Lend(32);
  const auto again = buffers.Lend(64);
  ASSERT_TRUE(other.ok() && again.ok());
  EXPECT_EQ(again->data(), first->data());
  EXPECT_NE(other->data(), first->data());
}

}  // namespace
}  // namespace penstock
