#include "worker/link/pending_transfers.h"

#include <thread>

#include "gtest/gtest.h"
#include "proto/base/clock.h"

namespace penstock {
namespace {

constexpr TransferId kSend{Direction::kSend, 1, {.step = 3, .tag = 7}};
constexpr TransferId kReceive{Direction::kReceive, 1, {.step = 3, .tag = 7}};
constexpr TransferId kOther{Direction::kReceive, 0, {.step = 3, .tag = 7}};

absl::Time Soon() { return SteadyNow() + absl::Seconds(60); }

TEST(PendingTransfersTest, TellsDirectionsAndPeersApart) {
  PendingTransfers pending(2);
  for (const TransferId& id : {kSend, kReceive, kOther}) {
    ASSERT_TRUE(pending.Begin(id).ok());
  }
  pending.End(kReceive, absl::OkStatus());
  EXPECT_TRUE(pending.Wait(kReceive, Soon()).ok());
  EXPECT_EQ(pending.Wait(kSend, SteadyNow()).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(pending.Wait(kOther, SteadyNow()).code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(PendingTransfersTest, ForgetsAKeyOnceItWasWaitedFor) {
  PendingTransfers pending(2);
  ASSERT_TRUE(pending.Begin(kSend).ok());
  EXPECT_EQ(pending.Begin(kSend).code(), absl::StatusCode::kInvalidArgument);
  pending.End(kSend, absl::FailedPreconditionError("size"));
  EXPECT_EQ(pending.Wait(kSend, Soon()), absl::FailedPreconditionError("size"));
  EXPECT_EQ(pending.Wait(kSend, Soon()).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(pending.Begin(kSend).ok());
}

TEST(PendingTransfersTest, HandsOverWhatEndedBeforeThePeerFailed) {
  PendingTransfers pending(2);
  ASSERT_TRUE(pending.Begin(kSend).ok());
  ASSERT_TRUE(pending.Begin(kReceive).ok());
  ASSERT_TRUE(pending.Begin(kOther).ok());
  pending.End(kReceive, absl::OkStatus());
  pending.FailPeer(1, absl::UnavailableError("gone"));
  pending.FailPeer(1, absl::UnavailableError("too late"));
  EXPECT_TRUE(pending.Wait(kReceive, Soon()).ok());
  EXPECT_EQ(pending.Wait(kSend, Soon()), absl::UnavailableError("gone"));
  EXPECT_EQ(pending.Begin(kReceive), absl::UnavailableError("gone"));
  EXPECT_EQ(pending.Wait(kOther, SteadyNow()).code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(PendingTransfersTest, APeerThatSendsNoMoreMayStillReceive) {
  PendingTransfers pending(2);
  ASSERT_TRUE(pending.Begin(kSend).ok());
  ASSERT_TRUE(pending.Begin(kReceive).ok());
  pending.FailReceives(1, absl::UnavailableError("closed"));
  EXPECT_EQ(pending.Wait(kReceive, Soon()), absl::UnavailableError("closed"));
  pending.End(kSend, absl::OkStatus());
  EXPECT_TRUE(pending.Wait(kSend, Soon()).ok());
  EXPECT_TRUE(pending.Begin(kSend).ok());
}

TEST(PendingTransfersTest, AbortWakesWaitersAndRefusesTheRest) {
  PendingTransfers pending(2);
  ASSERT_TRUE(pending.Begin(kSend).ok());
  ASSERT_TRUE(pending.Begin(kOther).ok());
  pending.End(kOther, absl::OkStatus());
  absl::Status woken;
  std::thread waiter([&] { woken = pending.Wait(kSend, Soon()); });
  pending.Abort(absl::CancelledError("reason"));
  waiter.join();
  EXPECT_EQ(woken, absl::CancelledError("reason"));
  pending.Abort(absl::InternalError("second"));
  EXPECT_EQ(pending.Wait(kOther, Soon()), absl::CancelledError("reason"));
  EXPECT_EQ(pending.Begin(kReceive), absl::CancelledError("reason"));
}

TEST(PendingTransfersTest, RefusesPeersThatThePlanDoesNotHave) {
  PendingTransfers pending(2);
  for (const int peer : {-1, 2}) {
    EXPECT_EQ(pending.Begin({Direction::kSend, peer, {}}).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(pending.Wait({Direction::kSend, peer, {}}, Soon()).code(),
              absl::StatusCode::kNotFound);
  }
}

}  // namespace
}  // namespace penstock
