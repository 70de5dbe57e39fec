#include "tests/simulation/simulated_coordinator.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "fmt/format.h"

namespace penstock {
namespace {

absl::StatusOr<Plan> PlanOfEqualRanks(const JobSpec& spec,
                                      const std::vector<DeviceShape>&,
                                      const StartPoint& known) {
  Plan plan{.spec = spec, .start = known};
  plan.ranks.resize(spec.parallelism.pipeline,
                    {.memory = {.weights = 1 << 20}});
  return plan;
}

}  // namespace

void SimulatedCoordinator::Start() {
  if (core_ != nullptr) return;
  ++life_;
  world_.Trace(fmt::format("coordinator starts life {}", life_));
  core_ = std::make_unique<Coordinator>(Coordinator::Options{.version = "1"},
                                        PlanOfEqualRanks);
  std::vector<JobRecord> records;
  for (const auto& [name, record] : journal_) records.push_back(record);
  core_->Recover(std::move(records), {}, world_.events.now());
  ScheduleTick();
}

void SimulatedCoordinator::Crash() {
  world_.Trace(fmt::format("coordinator crashes; {} batches are lost",
                           unflushed_.size()));
  core_.reset();
  unflushed_.clear();
  seen_ = journal_;
  ++life_;
}

void SimulatedCoordinator::ScheduleTick() {
  const absl::Time next = core_->Tick(world_.events.now());
  RevisePlans();
  Release([] {});
  // A core that asks for the present again would stop the clock.
  const absl::Time least = world_.events.now() + absl::Milliseconds(100);
  const bool advances = next > world_.events.now();
  world_.events.At(advances ? next : least, [this, tick = ++tick_] {
    if (core_ != nullptr && tick == tick_) ScheduleTick();
  });
}

// As the shell does, with plans that differ in nothing but their number.
void SimulatedCoordinator::RevisePlans() {
  for (const DueRevision& due : core_->DueRevisions()) {
    RevisionOutcome outcome{.reason = "drawn"};
    if (world_.Chance(0.7)) {
      Plan plan = *due.plan;
      ++plan.revision;
      outcome.plan = std::make_shared<const Plan>(std::move(plan));
    }
    const absl::Status status =
        core_->Revise(due, outcome, world_.events.now());
    if (!status.ok()) {
      world_.Violate(fmt::format("a revision of {}'s plan was refused: {}",
                                 due.job, status.ToString()));
    }
  }
}

void SimulatedCoordinator::OnReport(int life, const WorkerReport& report,
                                    const Answer& answer) {
  if (core_ == nullptr || life != life_) return;
  absl::StatusOr<WorkerInstruction> instruction =
      core_->Synchronize(report, world_.events.now());
  if (instruction.ok()) StoreMetrics(report, *instruction);
  Release([answer, instruction] { answer(instruction); });
}

void SimulatedCoordinator::StoreMetrics(const WorkerReport& report,
                                        WorkerInstruction& instruction) {
  for (size_t i = 0; i < report.devices.size(); ++i) {
    DeviceInstruction& order = instruction.devices[i];
    if (!order.assignment || order.assignment != report.devices[i].assignment) {
      continue;
    }
    int64_t& stored = metrics_[order.assignment->job];
    for (const StepMetrics& metrics : report.devices[i].metrics) {
      stored = std::max(stored, metrics.step);
    }
    order.metrics_acknowledged = stored;
  }
}

void SimulatedCoordinator::OnRequest(int life, const std::string& request_id,
                                     const std::string& job, const Call& call,
                                     const Reply& reply) {
  if (core_ == nullptr || life != life_) return;
  const absl::Time now = world_.events.now();
  // So that the call itself is all that can change anything.
  core_->Tick(now);
  const auto known = journal_.find(job);
  const bool repeated =
      known != journal_.end() &&
      std::any_of(known->second.requests.begin(), known->second.requests.end(),
                  [&](const RequestRecord& request) {
                    return request.id == request_id;
                  });
  const uint64_t revision = core_->revision();
  const absl::StatusOr<JobView> result = call(*core_, now);
  if (repeated && (core_->revision() != revision || !result.ok())) {
    world_.Violate(
        fmt::format("request '{}' on '{}' took effect twice", request_id, job));
  }
  Release([reply, result] { reply(result); });
}

void SimulatedCoordinator::Release(std::function<void()> release) {
  unflushed_.push_back({core_->TakeChanges(), std::move(release)});
  if (unflushed_.size() > 1) return;
  world_.events.After(world_.Draw(world_.faults.flush_max),
                      [this, life = life_] {
                        if (life == life_) Flush();
                      });
}

void SimulatedCoordinator::Flush() {
  while (!unflushed_.empty()) {
    const Batch batch = std::move(unflushed_.front());
    unflushed_.pop_front();
    for (const Event& event : batch.changes.events) world_.Trace(event.text);
    for (const JobChange& job : batch.changes.jobs) {
      Check(job.record);
      seen_[job.record.spec.name] = job.record;
      if (job.durable) journal_[job.record.spec.name] = job.record;
    }
    batch.release();
  }
}

void SimulatedCoordinator::Check(const JobRecord& record) {
  const std::string& name = record.spec.name;
  if (record.reason.empty()) world_.Violate(name + " has no reason");
  if (record.state == JobState::kSucceeded &&
      (record.step != record.spec.steps ||
       record.checkpoint.step != record.spec.steps ||
       !fleet_.IsStored(record.checkpoint.checkpoint))) {
    world_.Violate(name + " succeeded without its last checkpoint");
  }
  const auto before = seen_.find(name);
  if (before == seen_.end()) return;
  const JobRecord& old = before->second;
  if (IsFinal(old.state) && record.state != old.state) {
    world_.Violate(fmt::format("{} went from {} to {}", name,
                               ToString(old.state), ToString(record.state)));
  }
  if (record.revision <= old.revision || record.epoch < old.epoch) {
    world_.Violate(fmt::format(
        "{} went from revision {} epoch {} to revision {} epoch {}", name,
        old.revision, old.epoch, record.revision, record.epoch));
  }
  if (record.epoch == old.epoch && record.step < old.step) {
    world_.Violate(fmt::format("{} went from step {} to {} in epoch {}", name,
                               old.step, record.step, record.epoch));
  }
  if (record.checkpoint.step < old.checkpoint.step) {
    world_.Violate(name + " lost a checkpoint");
  }
}

}  // namespace penstock
