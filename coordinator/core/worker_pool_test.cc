#include "coordinator/core/worker_pool.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr absl::Duration kLease = absl::Seconds(10);
const Assignment kAssignment{"a", 1, 0, 0};
const Place kPlace{"w", 1, 0};

class WorkerPoolTest : public testing::Test {
 protected:
  // A report of worker "w" with one device.
  absl::Status Report(Incarnation incarnation, uint64_t sequence,
                      uint64_t answered,
                      std::optional<Assignment> assignment = std::nullopt) {
    WorkerReport report{.incarnation = incarnation,
                        .sequence = sequence,
                        .answered = answered,
                        .name = "w",
                        .version = "1"};
    report.devices.push_back(
        {.state = assignment ? DeviceState::kRunning : DeviceState::kIdle,
         .assignment = assignment});
    return pool_.Accept(report, now_);
  }

  absl::Time now_ = absl::UnixEpoch();
  WorkerPool pool_{WorkerPool::Options{.version = "1", .lease = kLease}};
};

TEST_F(WorkerPoolTest, ADeviceIsClearOnlyAfterAnAnswerWithoutOrder) {
  ASSERT_TRUE(Report(1, 1, 0).ok());
  EXPECT_TRUE(pool_.IsClear(kPlace));
  pool_.NoteOrder("w", 0, kAssignment);
  EXPECT_FALSE(pool_.IsClear(kPlace));
  // Reports idle, but has not seen the answer to report 1 yet.
  ASSERT_TRUE(Report(1, 2, 0).ok());
  EXPECT_FALSE(pool_.IsClear(kPlace));
  // It obeys the order.
  ASSERT_TRUE(Report(1, 3, 1, kAssignment).ok());
  EXPECT_FALSE(pool_.IsClear(kPlace));
  // Idle for another reason: it still follows the order.
  ASSERT_TRUE(Report(1, 4, 1).ok());
  EXPECT_FALSE(pool_.IsClear(kPlace));
  // Follows the answer to report 4, which had no order.
  ASSERT_TRUE(Report(1, 5, 4).ok());
  EXPECT_TRUE(pool_.IsClear(kPlace));
}

TEST_F(WorkerPoolTest, ADeviceIsClearWhenItsLeaseHasEnded) {
  ASSERT_TRUE(Report(1, 1, 0, kAssignment).ok());
  now_ += kLease - absl::Nanoseconds(1);
  EXPECT_TRUE(pool_.ExpireLeases(now_).empty());
  EXPECT_FALSE(pool_.IsClear(kPlace));
  now_ += absl::Nanoseconds(1);
  EXPECT_EQ(pool_.ExpireLeases(now_), std::vector<std::string>{"w"});
  EXPECT_TRUE(pool_.IsClear(kPlace));
  EXPECT_EQ(pool_.FindAlive(kPlace), nullptr);
  EXPECT_TRUE(pool_.ExpireLeases(now_).empty());
}

TEST_F(WorkerPoolTest, ALaterIncarnationSupersedesAnEarlierOne) {
  ASSERT_TRUE(Report(1, 5, 0, kAssignment).ok());
  ASSERT_TRUE(Report(2, 1, 0).ok());
  EXPECT_TRUE(pool_.IsClear(kPlace));
  EXPECT_NE(pool_.FindAlive({"w", 2, 0}), nullptr);
  EXPECT_EQ(Report(1, 6, 0).code(), absl::StatusCode::kAlreadyExists);
  // Unless nobody is there any more.
  now_ += kLease;
  EXPECT_TRUE(Report(1, 6, 0).ok());
}

TEST_F(WorkerPoolTest, AStaleReportIsAborted) {
  ASSERT_TRUE(Report(1, 2, 0).ok());
  EXPECT_EQ(Report(1, 2, 0).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Report(1, 1, 0).code(), absl::StatusCode::kAborted);
}

TEST_F(WorkerPoolTest, RefusesWhatNoWorkerReports) {
  const auto code = [this](auto damage) {
    WorkerReport report{.incarnation = 1,
                        .sequence = 1,
                        .name = "w",
                        .version = "1",
                        .devices = {{}}};
    damage(report);
    return pool_.Accept(report, now_).code();
  };
  using enum absl::StatusCode;
  EXPECT_EQ(code([](WorkerReport& r) { r.name = ""; }), kInvalidArgument);
  EXPECT_EQ(code([](WorkerReport& r) { r.sequence = 0; }), kInvalidArgument);
  EXPECT_EQ(code([](WorkerReport& r) { r.incarnation = 0; }), kInvalidArgument);
  EXPECT_EQ(code([](WorkerReport& r) { r.devices.clear(); }), kInvalidArgument);
  EXPECT_EQ(code([](WorkerReport& r) { r.devices.resize(65); }),
            kInvalidArgument);
  EXPECT_EQ(
      code([](WorkerReport& r) { r.devices[0].assignment = kAssignment; }),
      kInvalidArgument);
  EXPECT_EQ(
      code([](WorkerReport& r) { r.devices[0].state = DeviceState::kReady; }),
      kInvalidArgument);
  EXPECT_EQ(code([](WorkerReport& r) { r.version = "2"; }),
            kFailedPrecondition);
  EXPECT_TRUE(pool_.workers().empty());
}

TEST_F(WorkerPoolTest, ForgetsWorkersThatAreGoneForAnHourUnlessDraining) {
  ASSERT_TRUE(Report(1, 1, 0).ok());
  pool_.Restore("drained", /*draining=*/true, now_);
  now_ += absl::Hours(1) + kLease;
  pool_.ExpireLeases(now_);
  EXPECT_EQ(pool_.Find("w"), nullptr);
  ASSERT_NE(pool_.Find("drained"), nullptr);
  EXPECT_TRUE(pool_.Find("drained")->draining);
}

TEST_F(WorkerPoolTest, AnUnknownWorkerIsNotDrainedButGuessed) {
  pool_.Restore("worker-1", false, now_);
  const absl::Status status = pool_.SetDraining("worker-2", true);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(),
            "no worker is named 'worker-2'; did you mean 'worker-1'?");
}

}  // namespace
}  // namespace penstock
