#include "worker/client/worker_loop.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"

namespace penstock {
namespace {

// An executor's end after SIGKILL takes the kernel moments; more than this
// means that it hangs in a device driver.
constexpr absl::Duration kEndMax = absl::Seconds(10);

// For a coordinator that is there, a round trip is enough.
constexpr absl::Duration kGoodbyeMax = absl::Seconds(1);

bool IsDroppable(const ExecutorEvent& event) {
  return std::holds_alternative<ExecutorTrace>(event) ||
         std::holds_alternative<ExecutorProgress>(event);
}

void LogWaiting(const absl::Status& last) {
  spdlog::warn(
      "no connection to the coordinator; trying on, check --coordinator and "
      "the --tls- flags{}",
      last.ok() ? "" : fmt::format(" last_error=\"{}\"", last.ToString()));
}

void LogEvent(int device, const ExecutorEvent& event) {
  if (const auto* failed = std::get_if<ExecutorFailed>(&event)) {
    spdlog::warn("executor failed device={} status=\"{}\"", device,
                 failed->status.ToString());
  } else if (const auto* exited = std::get_if<ExecutorExited>(&event)) {
    spdlog::info("executor ended device={} how=\"{}\"", device, exited->how);
  } else if (const auto* log = std::get_if<ExecutorLog>(&event)) {
    spdlog::info("executor says device={} text=\"{}\"", device, log->line.text);
  }
}

}  // namespace

WorkerLoop::WorkerLoop(Agent::Options agent, Supervisor::Options supervisor,
                       std::shared_ptr<grpc::Channel> channel)
    : agent_(std::move(agent), SteadyNow()),
      supervisor_(std::move(supervisor),
                  [this](int device, ExecutorEvent event) {
                    Post(FromExecutor{device, std::move(event)});
                  }),
      client_(std::move(channel),
              {.on_connected = [this] { Post(Connected{}); },
               .on_waiting = LogWaiting,
               .on_instruction =
                   [this](WorkerInstruction instruction) {
                     Post(std::move(instruction));
                   },
               .on_disconnected =
                   [this](const absl::Status& status) {
                     Post(Disconnected{status});
                   }}) {}

absl::Status WorkerLoop::Run() {
  while (!ending_) {
    if (connected_ && SteadyNow() >= agent_.next_report_time()) {
      client_.Send(agent_.MakeReport(SteadyNow()));
    }
    const absl::Time report =
        connected_ ? agent_.next_report_time() : absl::InfiniteFuture();
    const std::optional<Event> event =
        Next(std::min(report, agent_.lease_end()));
    if (event.has_value()) Handle(*event);
    agent_.Tick(SteadyNow());
    CarryOutCommands();
  }
  return EndExecutors(end_);
}

void WorkerLoop::Stop() { Post(Stopped{}); }

void WorkerLoop::Post(Event event) {
  MutexLock lock(mutex_);
  const auto* from = std::get_if<FromExecutor>(&event);
  if (from != nullptr && IsDroppable(from->event) &&
      queue_.size() >= kQueueMax) {
    return;
  }
  queue_.push_back(std::move(event));
  changed_.NotifyAll();
}

std::optional<WorkerLoop::Event> WorkerLoop::Next(absl::Time deadline) {
  MutexLock lock(mutex_);
  while (queue_.empty()) {
    if (!changed_.WaitUntil(mutex_, deadline)) break;
  }
  if (queue_.empty()) return std::nullopt;
  Event event = std::move(queue_.front());
  queue_.pop_front();
  return event;
}

void WorkerLoop::Handle(const Event& event) {
  const absl::Time now = SteadyNow();
  if (std::holds_alternative<Connected>(event)) {
    connected_ = true;
    client_.Send(agent_.MakeReport(now));
  } else if (const auto* gone = std::get_if<Disconnected>(&event)) {
    if (connected_) {
      spdlog::warn("coordinator stream ended status=\"{}\"",
                   gone->status.ToString());
    }
    connected_ = false;
    if (IsFinalRefusal(gone->status)) {
      ending_ = true;
      end_ = gone->status;
    }
  } else if (std::holds_alternative<Stopped>(event)) {
    ending_ = true;
  } else if (const auto* from = std::get_if<FromExecutor>(&event)) {
    LogEvent(from->device, from->event);
    agent_.OnExecutorEvent(from->device, from->event, now);
  } else if (const auto* order = std::get_if<WorkerInstruction>(&event)) {
    agent_.OnInstruction(*order, now);
  }
}

void WorkerLoop::CarryOutCommands() {
  for (const AgentCommand& command : agent_.TakeCommands()) {
    if (const auto* start = std::get_if<StartExecutor>(&command)) {
      spdlog::info("executor starts device={} assignment=\"{}\"", start->device,
                   ToString(start->assignment));
    }
    supervisor_.CarryOut(command);
  }
}

absl::Status WorkerLoop::EndExecutors(const absl::Status& reason) {
  agent_.Stop();
  CarryOutCommands();
  const absl::Time deadline = SteadyNow() + kEndMax;
  while (!agent_.AllExited() && SteadyNow() < deadline) {
    const std::optional<Event> event = Next(deadline);
    if (event.has_value() && std::holds_alternative<FromExecutor>(*event)) {
      Handle(*event);
    }
  }
  // Tells the coordinator that the devices are idle, so that it need not wait
  // for the lease to end.
  if (connected_) client_.Send(agent_.MakeReport(SteadyNow()));
  client_.Finish(SteadyNow() + kGoodbyeMax);
  return reason;
}

}  // namespace penstock
