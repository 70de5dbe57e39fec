#include "worker/link/send_queue.h"

#include <vector>

#include "gtest/gtest.h"
#include "worker/link/slice_wire.h"

namespace penstock {
namespace {

const std::vector<std::byte> kBytes(kSliceBytes * 2 + 5);

TEST(SendQueueTest, WaitsForBothHalvesInEitherOrder) {
  SendQueue queue;
  const std::span bytes(kBytes.data(), 10);
  queue.Offer({1, 1}, bytes);
  EXPECT_FALSE(queue.Next());
  ASSERT_TRUE(queue.AddCredit({1, 2}, 10).ok());
  EXPECT_FALSE(queue.Next());
  queue.Offer({1, 2}, bytes);
  ASSERT_TRUE(queue.AddCredit({1, 1}, 10).ok());
  EXPECT_EQ(queue.Next()->key, (MessageKey{1, 2}));
  EXPECT_EQ(queue.Next()->key, (MessageKey{1, 1}));
  EXPECT_FALSE(queue.Next());
}

TEST(SendQueueTest, CutsIntoConsecutiveSlices) {
  for (const size_t size : {size_t{0}, size_t{1}, kSliceBytes - 1, kSliceBytes,
                            kSliceBytes + 1, 2 * kSliceBytes, kBytes.size()}) {
    SCOPED_TRACE(size);
    SendQueue queue;
    queue.Offer({1, 1}, {kBytes.data(), size});
    ASSERT_TRUE(queue.AddCredit({1, 1}, size).ok());
    size_t sent = 0;
    bool last = false;
    while (const auto slice = queue.Next()) {
      ASSERT_FALSE(last);
      EXPECT_TRUE(slice->refusal.ok());
      EXPECT_EQ(slice->offset, sent);
      EXPECT_EQ(slice->data.data(), kBytes.data() + sent);
      EXPECT_LE(slice->data.size(), kSliceBytes);
      sent += slice->data.size();
      last = slice->last;
    }
    EXPECT_TRUE(last);
    EXPECT_EQ(sent, size);
  }
}

TEST(SendQueueTest, RefusesACreditOfAnotherSizeAndTellsTheReceiver) {
  SendQueue queue;
  queue.Offer({1, 1}, {kBytes.data(), 10});
  ASSERT_TRUE(queue.AddCredit({1, 1}, 12).ok());
  const auto slice = queue.Next();
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->refusal.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(slice->offset, 10);
  EXPECT_TRUE(slice->data.empty());
  EXPECT_TRUE(slice->last);
  EXPECT_FALSE(queue.Next());
}

TEST(SendQueueTest, RefusesASecondCredit) {
  SendQueue queue;
  ASSERT_TRUE(queue.AddCredit({1, 1}, 12).ok());
  EXPECT_EQ(queue.AddCredit({1, 1}, 12).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace penstock
