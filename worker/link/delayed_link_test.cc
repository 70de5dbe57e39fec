#include "worker/link/delayed_link.h"

#include <array>
#include <memory>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "worker/link/local_link.h"

namespace penstock {
namespace {

constexpr MessageKey kKey{.step = 1, .tag = 7};

class DelayedLinkTest : public testing::Test {
 protected:
  absl::Time Soon() const { return SteadyNow() + absl::Seconds(30); }

  const std::shared_ptr<LocalHub> hub_ =
      LocalHub::Create({"rank 0", "rank 1", "rank 2"});
  const std::unique_ptr<Link> receiver_ = hub_->link(1);
  const std::unique_ptr<Link> other_ = hub_->link(2);
  const std::array<std::byte, 3> sent_ = {std::byte{1}, std::byte{2},
                                          std::byte{3}};
  std::array<std::byte, 3> received_ = {};
};

TEST_F(DelayedLinkTest, MessagesArriveInTheEnd) {
  DelayedLink link(hub_->link(0), {.latency = absl::Milliseconds(1)});
  ASSERT_TRUE(receiver_->PostReceive(0, kKey, received_).ok());
  ASSERT_TRUE(link.Send(1, kKey, sent_).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(link.Send(1, kKey, sent_)));
  EXPECT_TRUE(link.WaitSent(1, kKey, Soon()).ok());
  EXPECT_TRUE(absl::IsNotFound(link.WaitSent(1, kKey, Soon())));
  EXPECT_TRUE(receiver_->WaitReceived(0, kKey, Soon()).ok());
  EXPECT_EQ(received_, sent_);
}

TEST_F(DelayedLinkTest, WhatHasLeftIsOnItsWay) {
  DelayedLink link(hub_->link(0), {.latency = absl::Hours(1)});
  ASSERT_TRUE(receiver_->PostReceive(0, kKey, received_).ok());
  ASSERT_TRUE(link.Send(1, kKey, sent_).ok());
  EXPECT_TRUE(link.WaitSent(1, kKey, Soon()).ok());
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(receiver_->WaitReceived(0, kKey, SteadyNow())));
  link.Abort(absl::CancelledError("done"));
}

TEST_F(DelayedLinkTest, IsHandedOverThoughTheSenderLeaves) {
  {
    DelayedLink link(hub_->link(0), {.latency = absl::Milliseconds(20)});
    ASSERT_TRUE(link.Send(1, kKey, sent_).ok());
    ASSERT_TRUE(receiver_->PostReceive(0, kKey, received_).ok());
  }
  EXPECT_TRUE(receiver_->WaitReceived(0, kKey, Soon()).ok());
  EXPECT_EQ(received_, sent_);
}

TEST_F(DelayedLinkTest, AnAbortEndsWaitsForWhatHasNotLeft) {
  DelayedLink link(hub_->link(0), {.bytes_per_second = 1e-3});
  ASSERT_TRUE(link.Send(1, kKey, sent_).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(link.WaitSent(1, kKey, SteadyNow())));
  link.Abort(absl::CancelledError("why"));
  EXPECT_EQ(link.WaitSent(1, kKey, Soon()), absl::CancelledError("why"));
  EXPECT_EQ(link.Send(1, {.step = 2}, sent_), absl::CancelledError("why"));
}

TEST_F(DelayedLinkTest, BytesFollowEachOtherOnTheirWayToOnePeer) {
  // Three bytes take an hour, and the next message waits for them; the one to
  // the other peer does not.
  DelayedLink link(hub_->link(0), {.bytes_per_second = 3.0 / 3600});
  constexpr MessageKey kEmpty{.step = 1, .tag = 8};
  ASSERT_TRUE(link.Send(1, kKey, sent_).ok());
  ASSERT_TRUE(link.Send(1, kEmpty, {}).ok());
  ASSERT_TRUE(link.Send(2, kEmpty, {}).ok());
  ASSERT_TRUE(other_->PostReceive(0, kEmpty, {}).ok());
  EXPECT_TRUE(link.WaitSent(2, kEmpty, Soon()).ok());
  EXPECT_TRUE(other_->WaitReceived(0, kEmpty, Soon()).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(link.WaitSent(1, kEmpty, SteadyNow())));
  link.Abort(absl::CancelledError("done"));
}

TEST_F(DelayedLinkTest, WhatTheLinkSaysLaterIsHeardByTheNextCall) {
  DelayedLink link(hub_->link(0), {.latency = absl::Milliseconds(1)});
  // No such peer: known when it is offered.
  ASSERT_TRUE(link.Send(7, kKey, sent_).ok());
  absl::Status status;
  for (uint64_t step = 2; status.ok() && SteadyNow() < Soon(); ++step) {
    const MessageKey key{.step = step};
    status = link.Send(7, key, sent_);
    if (status.ok()) status = link.WaitSent(7, key, Soon());
  }
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

}  // namespace
}  // namespace penstock
