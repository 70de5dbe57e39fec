// In invented time: a look every 100 ms, as the executor's reporter takes.

#include "worker/executor/device_watchdog.h"

#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(100);

OpenDeviceCall CallOf(uint64_t line, uint64_t change) {
  return {.line = line,
          .change = change,
          .operation = "matmul",
          .call_max = absl::Seconds(12)};
}

class DeviceWatchdogTest : public testing::Test {
 protected:
  // Looks at `open` for `time`; what the last look found.
  std::optional<StuckCall> LookFor(absl::Duration time,
                                   const std::vector<OpenDeviceCall>& open) {
    std::optional<StuckCall> stuck;
    for (const absl::Time end = now_ + time; now_ < end;) {
      now_ += kLook;
      stuck = watchdog_.Look(open, now_);
    }
    return stuck;
  }

  absl::Time now_ = absl::UnixEpoch() + absl::Hours(5);
  DeviceWatchdog watchdog_;
};

TEST_F(DeviceWatchdogTest, ACallMayTakeAsLongAsItsLimit) {
  watchdog_.Look({CallOf(0, 1)}, now_);
  EXPECT_FALSE(LookFor(absl::Seconds(12), {CallOf(0, 1)}).has_value());
  const auto stuck = LookFor(kLook, {CallOf(0, 1)});
  ASSERT_TRUE(stuck.has_value());
  EXPECT_EQ(stuck->operation, "matmul");
  EXPECT_EQ(stuck->open, absl::Milliseconds(12100));
}

TEST_F(DeviceWatchdogTest, NoCallIsStuckWhileOthersBeginAndEnd) {
  for (uint64_t change = 0; change < 10; ++change) {
    EXPECT_FALSE(LookFor(absl::Seconds(11), {CallOf(0, change)}).has_value());
  }
}

TEST_F(DeviceWatchdogTest, WaitsOutsideOfCallsDoNotCount) {
  LookFor(absl::Seconds(11), {CallOf(0, 1)});
  // For a peer, or the disk.
  EXPECT_FALSE(LookFor(absl::Hours(1), {}).has_value());
  EXPECT_FALSE(LookFor(absl::Seconds(11), {CallOf(0, 1)}).has_value());
}

TEST_F(DeviceWatchdogTest, EachLineIsWatchedByItself) {
  LookFor(absl::Seconds(6), {CallOf(3, 1)});
  for (uint64_t change = 0; change < 6; ++change) {
    EXPECT_FALSE(LookFor(absl::Seconds(1), {CallOf(0, change), CallOf(3, 1)})
                     .has_value());
  }
  EXPECT_TRUE(
      LookFor(absl::Seconds(1), {CallOf(0, 9), CallOf(3, 1)}).has_value());
}

TEST_F(DeviceWatchdogTest, EachLineHasALimitOfItsOwn) {
  OpenDeviceCall opening = CallOf(0, 1);
  opening.call_max = absl::Minutes(1);
  EXPECT_FALSE(LookFor(absl::Minutes(1), {opening}).has_value());
  EXPECT_TRUE(LookFor(absl::Seconds(1), {opening}).has_value());
}

TEST_F(DeviceWatchdogTest, AProcessThatWasStoppedHasHadNoTimeToReturn) {
  LookFor(absl::Seconds(1), {CallOf(0, 1)});
  now_ += absl::Hours(1);
  EXPECT_FALSE(LookFor(absl::Seconds(10), {CallOf(0, 1)}).has_value());
  EXPECT_TRUE(LookFor(absl::Seconds(2), {CallOf(0, 1)}).has_value());
}

TEST(PlaceTextTest, NamesReplicaRankStepAndAction) {
  EXPECT_EQ(PlaceText("replica 0 rank 1", std::nullopt),
            "replica 0 rank 1 preparing");
  EXPECT_EQ(PlaceText("replica 0 rank 1", Progress{.step = 4, .action = "2F0"}),
            "replica 0 rank 1 step 5 2F0");
  EXPECT_EQ(PlaceText("replica 0 rank 1", Progress{.step = 4}),
            "replica 0 rank 1 after step 4");
}

TEST(StuckErrorTest, SaysWhatIsStuckAndWhatToDo) {
  const absl::Status status =
      StuckError("replica 0 rank 1 step 5 2F0",
                 {.operation = "matmul", .open = absl::Milliseconds(12100)});
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(std::string(status.message()),
            "replica 0 rank 1 step 5 2F0: the CUDA driver has not returned "
            "from matmul for 12s; the device hangs or another process holds "
            "it: see `nvidia-smi` and the kernel's log for an Xid; reset the "
            "device if the next executor fails there, too");
}

}  // namespace
}  // namespace penstock
