#ifndef PROTO_WORKER_REPORT_H_
#define PROTO_WORKER_REPORT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/communicator.h"
#include "proto/log_line.h"
#include "proto/metrics.h"
#include "proto/plan.h"

// What a worker and the coordinator say to each other, as values. The meaning
// of every field is that of proto/internal/v1/worker_pool.proto; what is
// written here is only what the types add. Conversions:
// proto/worker_report_proto.h.

namespace penstock {

// One run of a worker process. Grows from run to run of one worker name.
using Incarnation = uint64_t;

// What a device can do; what a plan depends on.
struct DeviceShape {
  std::string kind = "cpu";  // "cpu" or "cuda".
  int64_t memory_bytes = 0;
  double flops_per_second = 0;       // Of float32 products.
  double bf16_flops_per_second = 0;  // 0: as many.
  int nccl_version = 0;              // 22809 is 2.28.9; 0: there is none.

  friend bool operator==(const DeviceShape&, const DeviceShape&) = default;
};

enum class DeviceState {
  kIdle,
  kPreparing,
  kReady,
  kRunning,
  kFinished,
  kFailed
};

// "IDLE", "PREPARING", ...: the names of the proto.
std::string ToString(DeviceState state);

// "job 'a' epoch 2 replica 0 rank 1".
std::string ToString(const Assignment& assignment);

struct Progress {
  int64_t step = 0;       // Updates made.
  uint64_t revision = 0;  // Of the plan being executed.
  std::string action;     // Being executed, as "2F0"; empty between steps.
  int64_t resident_bytes = 0;
  int64_t resident_bytes_peak = 0;
  std::string checkpoint;  // Newest complete one; of the leading rank only.
  int64_t checkpoint_step = 0;

  friend bool operator==(const Progress&, const Progress&) = default;
};

struct DeviceReport {
  DeviceShape shape;
  DeviceState state = DeviceState::kIdle;
  std::optional<Assignment> assignment;  // Set unless idle.
  uint64_t revision = 0;          // Newest held of the assignment's plan.
  std::string transport_address;  // Set from READY on.
  // Likewise; those that this rank has made.
  std::vector<CommunicatorId> communicators;
  absl::Status failure;  // Not OK exactly when FAILED.
  Progress progress;
  std::vector<StepMetrics> metrics;
  std::vector<StepTrace> traces;
  std::vector<LogLine> logs;
};

struct WorkerReport {
  Incarnation incarnation = 0;
  uint64_t sequence = 0;
  // Of the latest answer that the worker has obeyed; 0 before the first. Orders
  // in answers to this report and older ones can have no effect any more.
  uint64_t answered = 0;
  std::string name;
  std::string version;
  std::vector<DeviceReport> devices;
};

struct DeviceInstruction {
  std::optional<Assignment> assignment;  // Unset: be idle.
  // Set until the device reports the assignment and the plan's revision.
  // Shared, never changed: one plan serves all its ranks and every repetition
  // of the order.
  std::shared_ptr<const Plan> plan;
  std::vector<std::string> peers;
  bool pause = false;
  int64_t metrics_acknowledged = 0;
  std::vector<CommunicatorId> communicators;
};

struct WorkerInstruction {
  uint64_t sequence = 0;
  absl::Duration lease;
  absl::Duration interval;
  std::vector<DeviceInstruction> devices;
};

}  // namespace penstock

#endif  // PROTO_WORKER_REPORT_H_
