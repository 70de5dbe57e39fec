#include "proto/worker_report_proto.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

WorkerReport FullReport() {
  DeviceReport running{
      .shape = {"cuda", int64_t{80} << 30, 1.5e13, 4e14, 22809},
      .state = DeviceState::kRunning,
      .assignment = Assignment{"a", 3, 1, 2},
      .transport_address = "w1:4711",
      .communicators = {{.communicator = {false, {5, 4}}}}};
  running.progress = {7, 3, "2F0", 1000, 2000, "/state/step-5", 5};
  running.metrics = {{.step = 6, .loss = 1.25}, {.step = 7, .loss = 1.0}};
  running.traces = {{.step = 7,
                     .replica = 1,
                     .rank = 2,
                     .start_us = 12,
                     .begin_us = {1, 5},
                     .end_us = {4, 9}}};
  running.logs = {{absl::FromUnixMicros(1700000000123456), "replica 1 rank 2",
                   "info", "checkpoint complete"}};
  DeviceReport failed{.shape = {"cpu", 1 << 20, 1e9},
                      .state = DeviceState::kFailed,
                      .assignment = Assignment{"b", 1, 0, 0},
                      .failure = absl::DataLossError("shard damaged")};
  return {.incarnation = uint64_t{1} << 63,
          .sequence = 9,
          .answered = 8,
          .name = "w1",
          .version = "0.1",
          .devices = {{.shape = {"cpu", 1 << 20, 1e9}}, running, failed}};
}

TEST(WorkerReportProtoTest, AReportSurvivesTheRoundTrip) {
  const WorkerReport report = FullReport();
  const auto copy = WorkerReportFromProto(WorkerReportToProto(report));
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(copy->incarnation, report.incarnation);
  EXPECT_EQ(copy->sequence, report.sequence);
  EXPECT_EQ(copy->answered, report.answered);
  EXPECT_EQ(copy->name, report.name);
  EXPECT_EQ(copy->version, report.version);
  ASSERT_EQ(copy->devices.size(), report.devices.size());
  for (size_t i = 0; i < report.devices.size(); ++i) {
    const DeviceReport& from = report.devices[i];
    const DeviceReport& to = copy->devices[i];
    EXPECT_EQ(to.shape, from.shape);
    EXPECT_EQ(to.state, from.state);
    EXPECT_EQ(to.assignment, from.assignment);
    EXPECT_EQ(to.transport_address, from.transport_address);
    EXPECT_EQ(to.communicators, from.communicators);
    EXPECT_EQ(to.failure, from.failure);
    EXPECT_EQ(to.progress, from.progress);
    EXPECT_EQ(to.metrics, from.metrics);
    EXPECT_EQ(to.traces.size(), from.traces.size());
    EXPECT_EQ(to.logs, from.logs);
  }
}

TEST(WorkerReportProtoTest, AnInstructionSurvivesTheRoundTrip) {
  const WorkerInstruction instruction{
      .sequence = 5,
      .lease = absl::Milliseconds(1500),
      .interval = absl::Nanoseconds(7),
      .devices = {{},
                  {.assignment = Assignment{"a", 3, 1, 2},
                   .peers = {"w1:1", "w2:2"},
                   .pause = true,
                   .metrics_acknowledged = 12,
                   .communicators = {{.communicator = {true, {1, 3}}}}}}};
  const auto copy =
      WorkerInstructionFromProto(WorkerInstructionToProto(instruction));
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(copy->sequence, 5u);
  EXPECT_EQ(copy->lease, instruction.lease);
  EXPECT_EQ(copy->interval, instruction.interval);
  ASSERT_EQ(copy->devices.size(), 2u);
  EXPECT_FALSE(copy->devices[0].assignment);
  EXPECT_EQ(copy->devices[1].assignment, instruction.devices[1].assignment);
  EXPECT_EQ(copy->devices[1].plan, nullptr);
  EXPECT_EQ(copy->devices[1].peers, instruction.devices[1].peers);
  EXPECT_EQ(copy->devices[1].communicators,
            instruction.devices[1].communicators);
  EXPECT_TRUE(copy->devices[1].pause);
  EXPECT_EQ(copy->devices[1].metrics_acknowledged, 12);
}

TEST(WorkerReportProtoTest, RefusesReportsThatNoWorkerSends) {
  const auto refused = [](auto damage) {
    internal::v1::WorkerReport message = WorkerReportToProto(FullReport());
    damage(*message.mutable_devices(1));
    return WorkerReportFromProto(message).status();
  };
  using Device = internal::v1::DeviceReport;
  for (const absl::Status& status :
       {refused([](Device& d) { d.clear_state(); }),
        refused([](Device& d) { d.clear_assignment(); }),
        refused([](Device& d) { d.set_state(internal::v1::IDLE); }),
        refused([](Device& d) { d.set_state(internal::v1::FAILED); }),
        refused([](Device& d) { d.set_failure_code(3); }),
        refused([](Device& d) { d.set_memory_bytes(-1); }),
        refused([](Device& d) { d.set_bf16_flops_per_second(-1); }),
        refused([](Device& d) { d.set_nccl_version(-1); }),
        refused([](Device& d) { d.add_communicators(); }),
        refused([](Device& d) { d.mutable_assignment()->set_rank(-1); }),
        refused([](Device& d) {
          for (int i = 0; i < 300; ++i) d.add_metrics()->set_step(1);
        })}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(status.message()).find("devices[1]"),
              std::string::npos)
        << status;
  }
}

TEST(WorkerReportProtoTest, RefusesAnInstructionWithoutLease) {
  internal::v1::WorkerInstruction message;
  EXPECT_EQ(WorkerInstructionFromProto(message).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace penstock
