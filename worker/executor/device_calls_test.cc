#include "worker/executor/device_calls.h"

#include <optional>
#include <string_view>

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(DeviceCallsTest, ACallIsOpenUntilItEnds) {
  DeviceCalls calls;
  const auto line = calls.Add(absl::Seconds(3));
  EXPECT_TRUE(calls.Open().empty());
  std::optional<DeviceCall> call(std::in_place, *line, "copy");
  const auto open = calls.Open();
  ASSERT_EQ(open.size(), 1);
  EXPECT_EQ(open[0].operation, std::string_view("copy"));
  EXPECT_EQ(open[0].call_max, absl::Seconds(3));
  EXPECT_EQ(calls.Open()[0].change, open[0].change);
  call.reset();
  EXPECT_TRUE(calls.Open().empty());
}

TEST(DeviceCallsTest, TheNextCallOfTheSameNameIsAnother) {
  DeviceCalls calls;
  const auto line = calls.Add(absl::Seconds(3));
  std::optional<DeviceCall> call(std::in_place, *line, "copy");
  const uint64_t change = calls.Open()[0].change;
  call.reset();
  call.emplace(*line, "copy");
  EXPECT_NE(calls.Open()[0].change, change);
}

TEST(DeviceCallsTest, CallsWithinACallShowThatItGoesOn) {
  DeviceCalls calls;
  const auto line = calls.Add(absl::Seconds(3));
  const DeviceCall outer(*line, "replay");
  const uint64_t change = calls.Open()[0].change;
  {
    const DeviceCall inner(*line, "matmul");
    EXPECT_EQ(calls.Open()[0].operation, std::string_view("matmul"));
  }
  EXPECT_EQ(calls.Open()[0].operation, std::string_view("replay"));
  EXPECT_NE(calls.Open()[0].change, change);
}

TEST(DeviceCallsTest, LinesAreSeenInTheirOrderUntilTheyAreReleased) {
  DeviceCalls calls;
  auto first = calls.Add(absl::Seconds(3));
  const auto second = calls.Add(absl::Seconds(4));
  std::optional<DeviceCall> copy(std::in_place, *first, "copy");
  const DeviceCall matmul(*second, "matmul");
  const auto open = calls.Open();
  ASSERT_EQ(open.size(), 2);
  EXPECT_EQ(open[0].operation, std::string_view("copy"));
  EXPECT_NE(open[0].line, open[1].line);
  copy.reset();
  first.reset();
  ASSERT_EQ(calls.Open().size(), 1);
  EXPECT_EQ(calls.Open()[0].line, open[1].line);
}

}  // namespace
}  // namespace penstock
