#include "tests/simulation/simulated_worker.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace penstock {

SimulatedWorker::SimulatedWorker(World& world, ExecutorFleet& fleet,
                                 std::string name, int devices,
                                 SendReport send_report)
    : world_(world),
      fleet_(fleet),
      name_(std::move(name)),
      device_count_(devices),
      send_report_(std::move(send_report)) {}

void SimulatedWorker::Start() {
  if (agent_ != nullptr) return;
  ++incarnation_;
  world_.Trace(fmt::format("{} starts incarnation {}", name_, incarnation_));
  const DeviceShape shape{"cpu", int64_t{1} << 30, 1e11};
  agent_ = std::make_unique<Agent>(
      Agent::Options{.name = name_,
                     .version = "1",
                     .incarnation = incarnation_,
                     .devices = std::vector<DeviceShape>(device_count_, shape)},
      world_.events.now());
  Pump();
}

void SimulatedWorker::Crash() {
  world_.Trace(name_ + " crashes");
  agent_.reset();
  for (const auto& [device, number] : executors_) fleet_.Destroy(number);
  executors_.clear();
  ++timer_;
}

void SimulatedWorker::OnInstruction(Incarnation incarnation,
                                    const WorkerInstruction& instruction) {
  const absl::Time now = world_.events.now();
  if (agent_ == nullptr || incarnation != incarnation_ ||
      now < no_answers_until_) {
    return;
  }
  agent_->OnInstruction(instruction, now);
  Pump();
}

void SimulatedWorker::OnRefusal(Incarnation incarnation,
                                const absl::Status& status) {
  // A report of a process that is gone may be refused for any reason.
  if (agent_ == nullptr || incarnation != incarnation_) return;
  world_.Violate(fmt::format("{} was refused: {}", name_, status.ToString()));
}

void SimulatedWorker::CarryOut(const AgentCommand& command) {
  if (const auto* start = std::get_if<StartExecutor>(&command)) {
    const int device = start->device;
    if (executors_.contains(device)) {
      world_.Violate(name_ + " starts a second executor on a device");
    }
    const Incarnation incarnation = incarnation_;
    executors_[device] = fleet_.Start(
        *start, [this, device, incarnation](const ExecutorEvent& event) {
          if (agent_ == nullptr || incarnation != incarnation_) return;
          if (std::holds_alternative<ExecutorExited>(event)) {
            executors_.erase(device);
          }
          agent_->OnExecutorEvent(device, event, world_.events.now());
          Pump();
        });
  } else if (const auto* run = std::get_if<SendRun>(&command)) {
    const auto found = executors_.find(run->device);
    if (found != executors_.end()) {
      fleet_.Run(found->second, run->peers, run->communicators);
    }
  } else if (const auto* pause = std::get_if<SendPause>(&command)) {
    const auto found = executors_.find(pause->device);
    if (found != executors_.end()) fleet_.Pause(found->second);
  } else if (const auto* revision = std::get_if<SendRevision>(&command)) {
    const auto found = executors_.find(revision->device);
    if (found != executors_.end()) {
      fleet_.Revise(found->second, revision->plan);
    }
  } else if (const auto* kill = std::get_if<KillExecutor>(&command)) {
    const auto found = executors_.find(kill->device);
    if (found != executors_.end()) fleet_.Kill(found->second);
  }
}

void SimulatedWorker::Pump() {
  for (const AgentCommand& command : agent_->TakeCommands()) CarryOut(command);
  const absl::Time due =
      std::min(agent_->next_report_time(), agent_->lease_end());
  world_.events.At(due, [this, timer = ++timer_] {
    if (timer != timer_) return;
    const absl::Time now = world_.events.now();
    agent_->Tick(now);
    if (agent_->next_report_time() <= now) {
      const WorkerReport report = agent_->MakeReport(now);
      if (reports_pass()) send_report_(report);
    }
    Pump();
  });
}

}  // namespace penstock
