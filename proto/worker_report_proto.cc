#include "proto/worker_report_proto.h"

#include <cmath>
#include <utility>

#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/communicator_proto.h"
#include "proto/plan_proto.h"

namespace penstock {
namespace {

// More than any machine has; keeps a report's size bounded.
constexpr int kDevicesMax = 1024;
constexpr int kMetricsMax = 256;
constexpr int kTracesMax = 1024;
constexpr int kLogsMax = 1024;

// Those of absl::StatusCode; anything else is taken for UNKNOWN.
absl::Status FailureFromProto(int code, const std::string& message) {
  constexpr int kCodeMax = static_cast<int>(absl::StatusCode::kUnauthenticated);
  if (code < 0 || code > kCodeMax) return absl::UnknownError(message);
  return absl::Status(static_cast<absl::StatusCode>(code), message);
}

absl::Duration DurationFromProto(const google::protobuf::Duration& message) {
  return absl::Seconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

void DurationToProto(absl::Duration duration,
                     google::protobuf::Duration* message) {
  absl::Duration rest;
  message->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  message->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

absl::StatusOr<DeviceState> StateFromProto(internal::v1::DeviceState state) {
  switch (state) {
    case internal::v1::IDLE:
      return DeviceState::kIdle;
    case internal::v1::PREPARING:
      return DeviceState::kPreparing;
    case internal::v1::READY:
      return DeviceState::kReady;
    case internal::v1::RUNNING:
      return DeviceState::kRunning;
    case internal::v1::FINISHED:
      return DeviceState::kFinished;
    case internal::v1::FAILED:
      return DeviceState::kFailed;
    default:
      return absl::InvalidArgumentError(fmt::format(
          "state: {} is not a device's state", static_cast<int>(state)));
  }
}

internal::v1::DeviceState StateToProto(DeviceState state) {
  // The message counts from 1, in the same order.
  return static_cast<internal::v1::DeviceState>(static_cast<int>(state) + 1);
}

internal::v1::DeviceReport DeviceToProto(const DeviceReport& device) {
  internal::v1::DeviceReport message;
  message.set_kind(device.shape.kind);
  message.set_memory_bytes(device.shape.memory_bytes);
  message.set_flops_per_second(device.shape.flops_per_second);
  message.set_bf16_flops_per_second(device.shape.bf16_flops_per_second);
  message.set_nccl_version(device.shape.nccl_version);
  message.set_state(StateToProto(device.state));
  if (device.assignment) {
    *message.mutable_assignment() = AssignmentToProto(*device.assignment);
  }
  message.set_revision(device.revision);
  message.set_transport_address(device.transport_address);
  CommunicatorIdsToProto(device.communicators, message.mutable_communicators());
  message.set_failure_code(static_cast<int>(device.failure.code()));
  message.set_failure_message(std::string(device.failure.message()));
  *message.mutable_progress() = ProgressToProto(device.progress);
  for (const StepMetrics& metrics : device.metrics) {
    *message.add_metrics() = StepMetricsToProto(metrics);
  }
  for (const StepTrace& trace : device.traces) {
    *message.add_traces() = StepTraceToProto(trace);
  }
  for (const LogLine& line : device.logs) {
    *message.add_logs() = LogLineToProto(line);
  }
  return message;
}

absl::Status CheckBounds(const internal::v1::DeviceReport& message) {
  if (message.metrics_size() > kMetricsMax ||
      message.traces_size() > kTracesMax || message.logs_size() > kLogsMax) {
    return absl::InvalidArgumentError(fmt::format(
        "{} metrics, {} traces, {} logs: at most {}, {}, {} are accepted",
        message.metrics_size(), message.traces_size(), message.logs_size(),
        kMetricsMax, kTracesMax, kLogsMax));
  }
  const bool idle = message.state() == internal::v1::IDLE;
  if (idle == message.has_assignment()) {
    return absl::InvalidArgumentError(fmt::format(
        "assignment: {}", idle ? "set though IDLE" : "required unless IDLE"));
  }
  const bool failed = message.state() == internal::v1::FAILED;
  if (failed != (message.failure_code() != 0)) {
    return absl::InvalidArgumentError(fmt::format(
        "failure_code: {}", failed ? "required when FAILED" : "not FAILED"));
  }
  if (message.nccl_version() < 0) {
    return absl::InvalidArgumentError(
        fmt::format("nccl_version: {}: at least 0", message.nccl_version()));
  }
  if (message.memory_bytes() < 0 ||
      !std::isfinite(message.flops_per_second()) ||
      message.flops_per_second() < 0 ||
      !std::isfinite(message.bf16_flops_per_second()) ||
      message.bf16_flops_per_second() < 0) {
    return absl::InvalidArgumentError(fmt::format(
        "memory_bytes, flops_per_second, bf16_flops_per_second: {}, {}, {}: at "
        "least 0",
        message.memory_bytes(), message.flops_per_second(),
        message.bf16_flops_per_second()));
  }
  return absl::OkStatus();
}

absl::StatusOr<DeviceReport> DeviceFromProto(
    const internal::v1::DeviceReport& message) {
  DeviceReport device{
      .shape = {message.kind(), message.memory_bytes(),
                message.flops_per_second(), message.bf16_flops_per_second(),
                message.nccl_version()},
      .revision = message.revision(),
      .transport_address = message.transport_address(),
      .failure =
          FailureFromProto(message.failure_code(), message.failure_message()),
      .progress = ProgressFromProto(message.progress())};
  ASSIGN_OR_RETURN(device.state, StateFromProto(message.state()));
  RETURN_IF_ERROR(CheckBounds(message));
  if (message.has_assignment()) {
    ASSIGN_OR_RETURN(device.assignment,
                     AssignmentFromProto(message.assignment()));
  }
  ASSIGN_OR_RETURN(device.communicators,
                   CommunicatorIdsFromProto(message.communicators()));
  for (const v1::StepMetrics& metrics : message.metrics()) {
    ASSIGN_OR_RETURN(device.metrics.emplace_back(),
                     StepMetricsFromProto(metrics));
  }
  for (const v1::StepTrace& trace : message.traces()) {
    ASSIGN_OR_RETURN(device.traces.emplace_back(), StepTraceFromProto(trace));
  }
  for (const v1::LogLine& line : message.logs()) {
    device.logs.push_back(LogLineFromProto(line));
  }
  return device;
}

absl::StatusOr<DeviceInstruction> OrderFromProto(
    const internal::v1::DeviceInstruction& message) {
  DeviceInstruction order{
      .peers = {message.peers().begin(), message.peers().end()},
      .pause = message.pause(),
      .metrics_acknowledged = message.metrics_acknowledged()};
  ASSIGN_OR_RETURN(order.communicators,
                   CommunicatorIdsFromProto(message.communicators()));
  if (!message.has_assignment()) return order;
  ASSIGN_OR_RETURN(order.assignment, AssignmentFromProto(message.assignment()));
  if (message.has_plan()) {
    ASSIGN_OR_RETURN(Plan plan, PlanFromProto(message.plan()));
    order.plan = std::make_shared<const Plan>(std::move(plan));
  }
  return order;
}

}  // namespace

internal::v1::WorkerReport WorkerReportToProto(const WorkerReport& report) {
  internal::v1::WorkerReport message;
  message.set_incarnation(report.incarnation);
  message.set_sequence(report.sequence);
  message.set_answered(report.answered);
  message.set_name(report.name);
  message.set_version(report.version);
  for (const DeviceReport& device : report.devices) {
    *message.add_devices() = DeviceToProto(device);
  }
  return message;
}

absl::StatusOr<WorkerReport> WorkerReportFromProto(
    const internal::v1::WorkerReport& message) {
  if (message.devices_size() > kDevicesMax) {
    return absl::InvalidArgumentError(
        fmt::format("devices: {} of them: at most {} are accepted",
                    message.devices_size(), kDevicesMax));
  }
  WorkerReport report{.incarnation = message.incarnation(),
                      .sequence = message.sequence(),
                      .answered = message.answered(),
                      .name = message.name(),
                      .version = message.version()};
  for (int i = 0; i < message.devices_size(); ++i) {
    absl::StatusOr<DeviceReport> device = DeviceFromProto(message.devices(i));
    if (!device.ok()) {
      return Annotate(device.status(), fmt::format("devices[{}]", i));
    }
    report.devices.push_back(*std::move(device));
  }
  return report;
}

internal::v1::WorkerInstruction WorkerInstructionToProto(
    const WorkerInstruction& instruction) {
  internal::v1::WorkerInstruction message;
  message.set_sequence(instruction.sequence);
  DurationToProto(instruction.lease, message.mutable_lease());
  DurationToProto(instruction.interval, message.mutable_interval());
  for (const DeviceInstruction& order : instruction.devices) {
    internal::v1::DeviceInstruction& device = *message.add_devices();
    if (order.assignment) {
      *device.mutable_assignment() = AssignmentToProto(*order.assignment);
    }
    if (order.plan != nullptr) {
      *device.mutable_plan() = PlanToInternalProto(*order.plan);
    }
    for (const std::string& peer : order.peers) device.add_peers(peer);
    CommunicatorIdsToProto(order.communicators, device.mutable_communicators());
    device.set_pause(order.pause);
    device.set_metrics_acknowledged(order.metrics_acknowledged);
  }
  return message;
}

absl::StatusOr<WorkerInstruction> WorkerInstructionFromProto(
    const internal::v1::WorkerInstruction& message) {
  WorkerInstruction instruction{
      .sequence = message.sequence(),
      .lease = DurationFromProto(message.lease()),
      .interval = DurationFromProto(message.interval())};
  if (instruction.lease <= absl::ZeroDuration() ||
      instruction.interval <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        fmt::format("lease, interval: {}, {}: must be positive",
                    absl::FormatDuration(instruction.lease),
                    absl::FormatDuration(instruction.interval)));
  }
  for (int i = 0; i < message.devices_size(); ++i) {
    absl::StatusOr<DeviceInstruction> order =
        OrderFromProto(message.devices(i));
    if (!order.ok()) {
      return Annotate(order.status(), fmt::format("devices[{}]", i));
    }
    instruction.devices.push_back(*std::move(order));
  }
  return instruction;
}

internal::v1::Progress ProgressToProto(const Progress& progress) {
  internal::v1::Progress message;
  message.set_step(progress.step);
  message.set_revision(progress.revision);
  message.set_action(progress.action);
  message.set_resident_bytes(progress.resident_bytes);
  message.set_resident_bytes_peak(progress.resident_bytes_peak);
  message.set_checkpoint(progress.checkpoint);
  message.set_checkpoint_step(progress.checkpoint_step);
  return message;
}

Progress ProgressFromProto(const internal::v1::Progress& message) {
  return {.step = message.step(),
          .revision = message.revision(),
          .action = message.action(),
          .resident_bytes = message.resident_bytes(),
          .resident_bytes_peak = message.resident_bytes_peak(),
          .checkpoint = message.checkpoint(),
          .checkpoint_step = message.checkpoint_step()};
}

v1::LogLine LogLineToProto(const LogLine& line) {
  v1::LogLine message;
  const int64_t microseconds = absl::ToUnixMicros(line.time);
  message.mutable_time()->set_seconds(microseconds / 1000000);
  message.mutable_time()->set_nanos(
      static_cast<int32_t>(microseconds % 1000000) * 1000);
  message.set_source(line.source);
  message.set_level(line.level);
  message.set_text(line.text);
  return message;
}

LogLine LogLineFromProto(const v1::LogLine& message) {
  return {.time = absl::FromUnixSeconds(message.time().seconds()) +
                  absl::Nanoseconds(message.time().nanos()),
          .source = message.source(),
          .level = message.level(),
          .text = message.text()};
}

}  // namespace penstock
