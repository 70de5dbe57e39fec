#include "worker/agent/agent.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "proto/base/check.h"

namespace penstock {
namespace {

// Assignments per device that are remembered as started. The coordinator stops
// ordering an epoch within a lease, so the newest few would do.
constexpr size_t kStartedMax = 1024;

// Whether the executor has still something to do.
bool IsActive(DeviceState state) {
  return state == DeviceState::kPreparing || state == DeviceState::kReady ||
         state == DeviceState::kRunning;
}

template <typename T>
void PushBounded(std::deque<T>& queue, const T& value, size_t size_max) {
  queue.push_back(value);
  while (queue.size() > size_max) queue.pop_front();
}

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

Agent::Agent(Options options, absl::Time now)
    : options_(std::move(options)),
      interval_(options_.interval),
      next_report_time_(now) {
  PENSTOCK_CHECK(options_.incarnation != 0);
  for (const DeviceShape& shape : options_.devices) {
    devices_.push_back(Device{.shape = shape});
  }
}

WorkerReport Agent::MakeReport(absl::Time now) {
  Tick(now);
  WorkerReport report{.incarnation = options_.incarnation,
                      .sequence = ++sequence_,
                      .answered = answered_,
                      .name = options_.name,
                      .version = options_.version};
  for (Device& device : devices_) report.devices.push_back(Describe(device));
  sent_[sequence_] = now;
  while (sent_.size() > options_.unanswered_max) sent_.erase(sent_.begin());
  next_report_time_ = now + interval_;
  return report;
}

DeviceReport Agent::Describe(Device& device) const {
  DeviceReport report{.shape = device.shape,
                      .state = device.state,
                      .assignment = device.assignment,
                      .revision = device.revision,
                      .transport_address = device.transport_address,
                      .communicators = device.communicators,
                      .failure = device.failure,
                      .progress = device.progress};
  const size_t count =
      std::min(device.metrics.size(), options_.metrics_per_report_max);
  report.metrics.assign(
      device.metrics.begin(),
      device.metrics.begin() + static_cast<std::ptrdiff_t>(count));
  if (report.state == DeviceState::kFinished &&
      device.metrics.size() > options_.metrics_per_report_max) {
    report.state = DeviceState::kRunning;
  }
  report.traces.assign(device.traces.begin(), device.traces.end());
  report.logs.assign(device.logs.begin(), device.logs.end());
  device.traces.clear();
  device.logs.clear();
  return report;
}

void Agent::OnInstruction(const WorkerInstruction& instruction,
                          absl::Time now) {
  Tick(now);
  const auto sent = sent_.find(instruction.sequence);
  // Only reports after the last one answered are in `sent_`.
  if (sent == sent_.end()) return;
  const absl::Time lease_end = sent->second + instruction.lease;
  if (lease_end <= now) return;
  if (instruction.devices.size() != devices_.size()) return;
  sent_.erase(sent_.begin(), std::next(sent));
  answered_ = instruction.sequence;
  lease_end_ = lease_end;
  interval_ = instruction.interval;
  next_report_time_ = std::min(next_report_time_, now + interval_);
  for (size_t i = 0; i < devices_.size(); ++i) {
    Obey(static_cast<int>(i), instruction.devices[i], now);
  }
}

void Agent::Obey(int index, const DeviceInstruction& order, absl::Time now) {
  Device& device = devices_[index];
  if (!order.assignment || device.assignment != order.assignment) {
    device.next.reset();
    device.unwanted = true;
    if (device.alive) {
      Kill(index);
    } else if (device.assignment) {
      BecomeIdle(device, now);
    }
    if (order.assignment && order.plan != nullptr) {
      device.next = order.assignment;
      device.next_plan = order.plan;
      StartNext(index, now);
    }
    return;
  }
  if (device.metrics.size() > options_.metrics_per_report_max) {
    next_report_time_ = now;
  }
  Acknowledge(device, order.metrics_acknowledged);
  if (!device.alive || device.killed) return;
  if (device.state == DeviceState::kReady && !order.peers.empty()) {
    device.state = DeviceState::kRunning;
    commands_.emplace_back(SendRun{index, order.peers, order.communicators});
    next_report_time_ = now;
  }
  if (device.state == DeviceState::kRunning && order.plan != nullptr &&
      order.plan->revision > device.revision) {
    device.revision = order.plan->revision;
    commands_.emplace_back(SendRevision{index, order.plan});
    next_report_time_ = now;
  }
  if (device.state == DeviceState::kRunning && order.pause && !device.paused) {
    device.paused = true;
    commands_.emplace_back(SendPause{index});
  }
}

void Agent::Acknowledge(Device& device, int64_t step) {
  while (!device.metrics.empty() && device.metrics.front().step <= step) {
    device.metrics.pop_front();
  }
}

void Agent::StartNext(int index, absl::Time now) {
  Device& device = devices_[index];
  if (!device.next || device.assignment || stopping_) return;
  const Assignment assignment = *std::exchange(device.next, std::nullopt);
  std::shared_ptr<const Plan> plan = std::move(device.next_plan);
  const bool started = std::any_of(
      device.started.begin(), device.started.end(), [&](const Assignment& old) {
        return old.job == assignment.job && old.epoch >= assignment.epoch;
      });
  if (started) return;
  PushBounded(device.started, assignment, kStartedMax);
  device.state = DeviceState::kPreparing;
  device.assignment = assignment;
  device.revision = plan->revision;
  device.progress.step = plan->start.step;
  device.progress.revision = plan->revision;
  device.alive = true;
  device.unwanted = false;
  commands_.emplace_back(StartExecutor{index, assignment, std::move(plan)});
  next_report_time_ = now;
}

void Agent::Kill(int index) {
  Device& device = devices_[index];
  if (!device.alive || device.killed) return;
  device.killed = true;
  commands_.emplace_back(KillExecutor{index});
}

void Agent::BecomeIdle(Device& device, absl::Time now) {
  device = Device{.shape = std::move(device.shape),
                  .next = std::move(device.next),
                  .next_plan = std::move(device.next_plan),
                  .started = std::move(device.started)};
  next_report_time_ = now;
}

void Agent::OnExecutorEvent(int index, const ExecutorEvent& event,
                            absl::Time now) {
  PENSTOCK_CHECK(index >= 0 && static_cast<size_t>(index) < devices_.size());
  Device& device = devices_[index];
  if (!device.alive) return;
  const bool active = IsActive(device.state);
  const auto fail = [&](absl::Status status) {
    device.state = DeviceState::kFailed;
    device.failure = std::move(status);
    next_report_time_ = now;
  };
  std::visit(
      Overloaded{
          [&](const ExecutorReady& ready) {
            if (device.state != DeviceState::kPreparing) return;
            device.state = DeviceState::kReady;
            device.transport_address = ready.transport_address;
            device.communicators = ready.communicators;
            next_report_time_ = now;
          },
          [&](const ExecutorProgress& progress) {
            if (active) device.progress = progress.progress;
          },
          [&](const ExecutorMetrics& metrics) {
            PushBounded(device.metrics, metrics.metrics, options_.metrics_max);
          },
          [&](const ExecutorTrace& trace) {
            PushBounded(device.traces, trace.trace, options_.traces_max);
          },
          [&](const ExecutorLog& log) {
            PushBounded(device.logs, log.line, options_.logs_max);
          },
          [&](const ExecutorFinished& finished) {
            if (!active) return;
            device.state = DeviceState::kFinished;
            device.progress = finished.progress;
            next_report_time_ = now;
          },
          [&](const ExecutorFailed& failed) {
            if (active) fail(failed.status);
          },
          [&](const ExecutorExited& exited) {
            device.alive = false;
            if (device.unwanted || (device.killed && active)) {
              BecomeIdle(device, now);
              StartNext(index, now);
            } else if (active) {
              fail(absl::UnavailableError(
                  fmt::format("the executor ended early: {}", exited.how)));
            }
          },
      },
      event);
}

void Agent::Tick(absl::Time now) {
  if (now < lease_end_) return;
  lease_end_ = absl::InfiniteFuture();
  for (size_t i = 0; i < devices_.size(); ++i) {
    devices_[i].next.reset();
    Kill(static_cast<int>(i));
  }
}

void Agent::Stop() {
  stopping_ = true;
  for (size_t i = 0; i < devices_.size(); ++i) Kill(static_cast<int>(i));
}

bool Agent::AllExited() const {
  return std::none_of(devices_.begin(), devices_.end(),
                      [](const Device& device) { return device.alive; });
}

std::vector<AgentCommand> Agent::TakeCommands() {
  return std::exchange(commands_, {});
}

}  // namespace penstock
