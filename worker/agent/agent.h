#ifndef WORKER_AGENT_AGENT_H_
#define WORKER_AGENT_AGENT_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/metrics.h"
#include "proto/plan.h"
#include "proto/worker_report.h"

namespace penstock {

// What an executor process says, or what is seen of it.
struct ExecutorReady {
  std::string transport_address;
  std::vector<CommunicatorId> communicators;
};
struct ExecutorProgress {
  Progress progress;
};
struct ExecutorMetrics {
  StepMetrics metrics;
};
struct ExecutorTrace {
  StepTrace trace;
};
struct ExecutorLog {
  LogLine line;
};
struct ExecutorFinished {
  Progress progress;
};
struct ExecutorFailed {
  absl::Status status;  // Not OK.
};
// The process is gone: reaped, nothing of it is left. `how` for people: "killed
// by signal 9". Also sent when a StartExecutor could not be carried out. The
// last event of every executor that was started.
struct ExecutorExited {
  std::string how;
};
using ExecutorEvent =
    std::variant<ExecutorReady, ExecutorProgress, ExecutorMetrics,
                 ExecutorTrace, ExecutorLog, ExecutorFinished, ExecutorFailed,
                 ExecutorExited>;

// What the shell has to do, in order.
struct StartExecutor {
  int device = 0;
  Assignment assignment;
  std::shared_ptr<const Plan> plan;  // Shared with the instruction.
};
struct SendRun {
  int device = 0;
  std::vector<std::string> peers;
  std::vector<CommunicatorId> communicators;
};
struct SendPause {
  int device = 0;
};
struct SendRevision {
  int device = 0;
  std::shared_ptr<const Plan> plan;  // Shared with the instruction.
};
// SIGKILL to the process and all its children. Never given twice for one
// executor.
struct KillExecutor {
  int device = 0;
};
using AgentCommand =
    std::variant<StartExecutor, SendRun, SendPause, SendRevision, KillExecutor>;

// The worker's side of the Synchronize protocol: what to report, what to do
// with the answers, and when to stop without any.
//
// The rules that safety hangs on:
//  - Only the answer to the latest report answered so far is obeyed; one to an
//    older report is dropped, as is one that comes after its lease.
//  - The lease counts from when the report was *sent*. At its end all executors
//    are killed. (What has finished or failed stays so: it executes nothing.)
//  - A device is IDLE only after its executor process has exited.
//  - An assignment is executed at most once: a restart needs a new epoch.
//
// Each device has at most one executor at a time; events are of that one, so
// the shell drops what still comes from a process after its Exited.
//
// Pure: no clock, thread or I/O; `now` is steady and must not decrease.
// Thread-compatible. After every call the shell carries out TakeCommands().
class Agent {
 public:
  struct Options {
    std::string name;
    std::string version;
    // Greater than that of any earlier process of this name, e.g. the time of
    // day at start in nanoseconds; never 0.
    Incarnation incarnation = 0;
    std::vector<DeviceShape> devices;
    // Until the first answer says otherwise.
    absl::Duration interval = absl::Seconds(1);
    // Kept until acknowledged; when full, the oldest go.
    size_t metrics_max = 4096;
    size_t metrics_per_report_max = 256;
    // Of one report; sent once; when full, the oldest go.
    size_t traces_max = 64;
    size_t logs_max = 256;
    // Unanswered reports whose sending times are remembered; answers to older
    // ones are dropped.
    size_t unanswered_max = 64;
  };

  Agent(Options options, absl::Time now);

  // The report to send now; its lease counts from `now`. All devices, always.
  // A device with more metrics than fit into a report is FINISHED only when the
  // last of them are in it.
  WorkerReport MakeReport(absl::Time now);

  // When MakeReport is due: at once after a change that the coordinator waits
  // for (readiness, failure, end, idleness), else one interval after the last.
  absl::Time next_report_time() const { return next_report_time_; }

  void OnInstruction(const WorkerInstruction& instruction, absl::Time now);

  // `device` is an index into Options::devices.
  void OnExecutorEvent(int device, const ExecutorEvent& event, absl::Time now);

  // Lets time pass: ends executors when the lease has ended. Also right before
  // anything that an executor does for another machine, where that can be
  // arranged.
  void Tick(absl::Time now);

  // When Tick must be called at the latest; InfiniteFuture without a lease.
  absl::Time lease_end() const { return lease_end_; }

  // Ends all executors, for a shutdown: done when AllExited().
  void Stop();
  bool AllExited() const;

  std::vector<AgentCommand> TakeCommands();

 private:
  struct Device {
    DeviceShape shape;
    // Of the executor that lives, or that has finished or failed; what is
    // reported.
    DeviceState state = DeviceState::kIdle;
    std::optional<Assignment> assignment;
    uint64_t revision = 0;  // Of the last plan that the executor was given.
    std::string transport_address;
    std::vector<CommunicatorId> communicators;
    absl::Status failure;
    Progress progress;
    std::deque<StepMetrics> metrics;
    std::deque<StepTrace> traces;
    std::deque<LogLine> logs;
    bool alive = false;     // The process exists.
    bool killed = false;    // KillExecutor was given.
    bool unwanted = false;  // The assignment was taken back.
    bool paused = false;    // SendPause was given.
    // To start as soon as the device is idle.
    std::optional<Assignment> next;
    std::shared_ptr<const Plan> next_plan;
    // What was started here, newest last.
    std::deque<Assignment> started;
  };

  DeviceReport Describe(Device& device) const;
  void Obey(int index, const DeviceInstruction& order, absl::Time now);
  void Acknowledge(Device& device, int64_t step);
  void Kill(int index);
  void BecomeIdle(Device& device, absl::Time now);
  void StartNext(int index, absl::Time now);

  const Options options_;
  std::vector<Device> devices_;
  uint64_t sequence_ = 0;  // Of the last report made.
  uint64_t answered_ = 0;  // Of the last report whose answer was obeyed.
  std::map<uint64_t, absl::Time> sent_;  // Reports after `answered_`.
  absl::Duration interval_;
  absl::Time next_report_time_;
  absl::Time lease_end_ = absl::InfiniteFuture();
  bool stopping_ = false;
  std::vector<AgentCommand> commands_;
};

}  // namespace penstock

#endif  // WORKER_AGENT_AGENT_H_
