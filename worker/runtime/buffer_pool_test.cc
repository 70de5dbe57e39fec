#include "worker/runtime/buffer_pool.h"

#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(BufferPoolTest, LendsEachBufferToOneMicrobatch) {
  std::vector<std::byte> memory(3 * 64);
  BufferPool pool(memory.data(), 3, 64);
  EXPECT_EQ(pool.Acquire(5).value(), memory.data());
  EXPECT_EQ(pool.Acquire(6).value(), memory.data() + 64);
  EXPECT_EQ(pool.Find(6), memory.data() + 64);
  EXPECT_EQ(pool.Find(7), nullptr);
  EXPECT_EQ(pool.Oldest(), 5);
  pool.Release(5);
  EXPECT_EQ(pool.Oldest(), 6);
  EXPECT_EQ(pool.Acquire(7).value(), memory.data());
}

TEST(BufferPoolTest, RefusesMoreThanWasPlanned) {
  std::vector<std::byte> memory(64);
  BufferPool pool(memory.data(), 1, 64);
  ASSERT_TRUE(pool.Acquire(0).ok());
  EXPECT_FALSE(pool.HasFree());
  EXPECT_EQ(pool.Acquire(0).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(pool.Acquire(1).status().code(), absl::StatusCode::kInternal);
  pool.Release(1);  // Has none: no change.
  EXPECT_FALSE(pool.HasFree());
}

TEST(BufferPoolTest, AnEmptyPoolHasNothing) {
  BufferPool pool;
  EXPECT_FALSE(pool.HasFree());
  EXPECT_EQ(pool.Oldest(), -1);
  EXPECT_EQ(pool.Find(0), nullptr);
}

}  // namespace
}  // namespace penstock
