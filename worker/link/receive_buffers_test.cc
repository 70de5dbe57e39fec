#include "worker/link/receive_buffers.h"

#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr MessageKey kKey{.step = 1, .tag = 2};

void ExpectRefused(ReceiveBuffers& buffers, const SlicePrefix& slice) {
  SCOPED_TRACE(testing::Message()
               << slice.data_bytes << " at " << slice.offset);
  EXPECT_EQ(buffers.Take(slice).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ReceiveBuffersTest, FillsABufferSliceBySlice) {
  ReceiveBuffers buffers;
  std::vector<std::byte> bytes(10);
  buffers.Post(kKey, bytes);
  const auto first = buffers.Take({kKey, 0, 7});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->place.data(), bytes.data());
  EXPECT_EQ(first->place.size(), 7);
  EXPECT_FALSE(first->ends);
  const auto second = buffers.Take({kKey, 7, 3});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->place.data(), bytes.data() + 7);
  EXPECT_EQ(second->place.size(), 3);
  EXPECT_TRUE(second->ends);
  EXPECT_TRUE(second->result.ok());
  ExpectRefused(buffers, {kKey, 0, 7});
}

TEST(ReceiveBuffersTest, AnEmptyMessageIsOneEmptySlice) {
  ReceiveBuffers buffers;
  buffers.Post(kKey, {});
  const auto landing = buffers.Take({kKey, 0, 0});
  ASSERT_TRUE(landing.ok()) << landing.status();
  EXPECT_TRUE(landing->ends);
  EXPECT_TRUE(landing->result.ok());
}

TEST(ReceiveBuffersTest, AnEmptySliceTellsOfAnotherSize) {
  for (const uint64_t offered : {0, 9, 11}) {
    SCOPED_TRACE(offered);
    ReceiveBuffers buffers;
    std::vector<std::byte> bytes(10);
    buffers.Post(kKey, bytes);
    const auto landing = buffers.Take({kKey, offered, 0});
    ASSERT_TRUE(landing.ok()) << landing.status();
    EXPECT_TRUE(landing->ends);
    EXPECT_EQ(landing->result.code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST(ReceiveBuffersTest, RefusesWhatDoesNotFitItsPlace) {
  ReceiveBuffers buffers;
  std::vector<std::byte> bytes(10);
  ExpectRefused(buffers, {kKey, 0, 1});
  buffers.Post(kKey, bytes);
  ExpectRefused(buffers, {kKey, 0, 11});
  ExpectRefused(buffers, {kKey, 1, 1});
  ExpectRefused(buffers, {kKey, 10, 0});
  ExpectRefused(buffers, {kKey, 0, ~uint64_t{0}});
  ExpectRefused(buffers, {kKey, ~uint64_t{0}, 2});
  ExpectRefused(buffers, {{.step = 2, .tag = 2}, 0, 1});
  ASSERT_TRUE(buffers.Take({kKey, 0, 4}).ok());
  ExpectRefused(buffers, {kKey, 0, 4});
  ExpectRefused(buffers, {kKey, 3, 1});
  ExpectRefused(buffers, {kKey, 4, 7});
  ExpectRefused(buffers, {kKey, 4, 0});
  EXPECT_TRUE(buffers.Take({kKey, 4, 6}).ok());
}

}  // namespace
}  // namespace penstock
