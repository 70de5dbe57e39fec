#include "worker/link/nccl_order.h"

#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

using Bytes = std::vector<std::byte>;

TEST(NcclOrderTest, NumbersMessagesAsTheirHalvesMeet) {
  const Bytes a(3);
  const Bytes b(5);
  NcclSendOrder order;
  EXPECT_FALSE(order.Offer({1, 1}, a).has_value());
  EXPECT_FALSE((*order.AddCredit({1, 2}, 5)).has_value());
  const auto first = order.Offer({1, 2}, b);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->number, 1u);
  EXPECT_EQ(first->bytes.data(), b.data());
  const auto second = order.AddCredit({1, 1}, 3);
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((**second).number, 2u);
  EXPECT_EQ((**second).key, (MessageKey{1, 1}));
}

TEST(NcclOrderTest, RefusesABufferOfAnotherSizeWithoutANumber) {
  const Bytes bytes(3);
  NcclSendOrder order;
  ASSERT_FALSE(order.Offer({1, 1}, bytes).has_value());
  const auto message = order.AddCredit({1, 1}, 4);
  EXPECT_EQ((**message).refusal.code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE((*order.AddCredit({1, 2}, 3)).has_value() == false);
  EXPECT_EQ(order.Offer({1, 2}, bytes)->number, 1u);
}

TEST(NcclOrderTest, RefusesASecondCredit) {
  NcclSendOrder order;
  ASSERT_TRUE(order.AddCredit({1, 1}, 4).ok());
  EXPECT_EQ(order.AddCredit({1, 1}, 4).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(NcclOrderTest, GivesEachGrantItsBuffer) {
  Bytes a(3);
  Bytes b(5);
  NcclReceiveOrder order;
  order.Post({1, 1}, a);
  order.Post({1, 2}, b);
  EXPECT_EQ(order.Grant(1, {1, 2}, 5)->bytes.data(), b.data());
  EXPECT_EQ(order.Grant(2, {1, 1}, 3)->bytes.data(), a.data());
}

TEST(NcclOrderTest, TellsTheBufferOfAMessageThatDoesNotComeItsSize) {
  Bytes a(3);
  NcclReceiveOrder order;
  order.Post({1, 1}, a);
  const auto message = order.Refuse({1, 1}, 4);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->refusal,
            absl::FailedPreconditionError(
                "message tag 1 of step 1 has 4 bytes, the buffer 3"));
  EXPECT_FALSE(order.Refuse({1, 1}, 4).ok());
}

// Any of these would let NCCL write one message into another one's buffer.
TEST(NcclOrderTest, RefusesGrantsThatDoNotFitWhatIsPosted) {
  Bytes a(3);
  NcclReceiveOrder order;
  order.Post({1, 1}, a);
  EXPECT_EQ(order.Grant(2, {1, 1}, 3).status(),
            absl::InvalidArgumentError(
                "message tag 1 of step 1 is announced as number 2 of its edge, "
                "where 1 comes"));
  EXPECT_EQ(order.Grant(1, {1, 1}, 4).status(),
            absl::InvalidArgumentError(
                "message tag 1 of step 1 of 4 bytes is announced as number 1 "
                "of its edge, and its buffer has 3"));
  EXPECT_EQ(order.Grant(1, {2, 1}, 3).status(),
            absl::InvalidArgumentError(
                "message tag 1 of step 2 of 3 bytes is announced as number 1 "
                "of its edge, and no buffer is posted for it"));
  EXPECT_TRUE(order.Grant(1, {1, 1}, 3).ok());
}

}  // namespace
}  // namespace penstock
