#include <algorithm>
#include <iterator>
#include <utility>

#include "coordinator/core/coordinator.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// From READY on, without failure.
bool IsListening(DeviceState state) {
  return state == DeviceState::kReady || state == DeviceState::kRunning ||
         state == DeviceState::kFinished;
}

}  // namespace

absl::StatusOr<WorkerInstruction> Coordinator::Synchronize(
    const WorkerReport& report, absl::Time now) {
  // Before the report renews a lease that has ended: what happened meanwhile
  // must be noticed.
  Settle(now);
  const PoolWorker* known = pool_.Find(report.name);
  const bool joined = known == nullptr || !known->connected ||
                      known->incarnation != report.incarnation;
  RETURN_IF_ERROR(pool_.Accept(report, now));
  if (joined) {
    AddEvent(
        now, "info", "",
        fmt::format("worker joined name={} incarnation={} devices={}",
                    report.name, report.incarnation, report.devices.size()));
  }
  NoteStrangers(report);
  Settle(now);
  WorkerInstruction instruction{.sequence = report.sequence,
                                .lease = options_.lease,
                                .interval = options_.interval};
  for (int i = 0; i < static_cast<int>(report.devices.size()); ++i) {
    instruction.devices.push_back(
        Instruct({report.name, report.incarnation, i}));
  }
  return instruction;
}

void Coordinator::NoteStrangers(const WorkerReport& report) {
  for (int i = 0; i < static_cast<int>(report.devices.size()); ++i) {
    const std::optional<Assignment>& assignment = report.devices[i].assignment;
    if (!assignment) continue;
    const auto found = jobs_.find(assignment->job);
    if (found == jobs_.end() || IsFinal(found->second.record.state)) continue;
    const Place place{report.name, report.incarnation, i};
    const auto held = held_.find(place);
    if (held == held_.end() || held->second.first != assignment->job) {
      found->second.uncleared.insert(place);
    }
  }
}

Assignment Coordinator::AssignmentOf(const Job& job, int index) const {
  const int pipeline = static_cast<int>(job.record.spec.parallelism.pipeline);
  return {.job = job.record.spec.name,
          .epoch = job.record.epoch,
          .replica = index / pipeline,
          .rank = index % pipeline};
}

const DeviceReport* Coordinator::FindRank(const Job& job, int index) const {
  const PoolDevice* device = pool_.FindAlive(job.record.places[index]);
  if (device == nullptr ||
      device->report.assignment != AssignmentOf(job, index)) {
    return nullptr;
  }
  return &device->report;
}

void Coordinator::NoteProgress(Job& job) {
  JobRecord& record = job.record;
  int64_t step = record.spec.steps;
  bool all_known = true;
  for (int i = 0; i < static_cast<int>(record.places.size()); ++i) {
    const DeviceReport* rank = FindRank(job, i);
    all_known = all_known && rank != nullptr;
    if (rank == nullptr) continue;
    step = std::min(step, rank->progress.step);
    if (rank->progress.checkpoint.empty() ||
        rank->progress.checkpoint_step < record.checkpoint.step ||
        rank->progress.checkpoint == record.checkpoint.checkpoint) {
      continue;
    }
    record.checkpoint = {rank->progress.checkpoint_step,
                         rank->progress.checkpoint};
    Touch(job, /*durable=*/true);
  }
  // A rank that is still loading, or not heard of since a restart, has made no
  // step; that says nothing of the job.
  // Those that wait for their peers have made no step of their own yet.
  step = std::max(step, record.plan->start.step);
  if (job.peers.empty() || !all_known || step == record.step) return;
  record.step = step;
  if (step > record.step_max) {
    record.step_max = step;
    record.recoveries_without_progress = 0;
  }
  Touch(job, /*durable=*/false);
}

void Coordinator::StartIfReady(Job& job, absl::Time now) {
  if (!job.peers.empty()) return;
  std::vector<std::string> peers;
  std::vector<CommunicatorId> communicators;
  for (int i = 0; i < static_cast<int>(job.record.places.size()); ++i) {
    const DeviceReport* rank = FindRank(job, i);
    if (rank == nullptr || !IsListening(rank->state)) return;
    peers.push_back(rank->transport_address);
    // A report is of the epoch in force here, so ids of others are gone.
    std::copy_if(rank->communicators.begin(), rank->communicators.end(),
                 std::back_inserter(communicators),
                 [i](const CommunicatorId& id) {
                   return LowestMember(id.communicator) == i;
                 });
  }
  job.peers = std::move(peers);
  job.communicators = std::move(communicators);
  if (job.record.state == JobState::kStarting) {
    Change(job, JobState::kRunning,
           fmt::format("runs epoch {} from step {}", job.record.epoch,
                       job.record.plan->start.step),
           now);
  }
}

void Coordinator::FinishIfFinished(Job& job, absl::Time now) {
  if (job.record.state != JobState::kRunning) return;
  int64_t first = -1;
  for (int i = 0; i < static_cast<int>(job.record.places.size()); ++i) {
    const DeviceReport* rank = FindRank(job, i);
    if (rank == nullptr || rank->state != DeviceState::kFinished) return;
    if (first < 0) first = rank->progress.step;
    if (rank->progress.step != first) {
      HandleFailure(job,
                    {absl::InternalError(fmt::format(
                        "rank 0 stopped after step {}, rank {} after {}", first,
                        i, rank->progress.step))},
                    now);
      return;
    }
  }
  NoteProgress(job);
  if (first >= job.record.spec.steps) {
    Release(job);
    Change(job, JobState::kSucceeded,
           fmt::format("made all {} steps", job.record.spec.steps), now);
  } else if (job.record.pause_requested) {
    Release(job);
    job.record.pause_requested = false;
    Change(job, JobState::kPaused,
           fmt::format("paused on request after step {}", first), now);
  } else {
    HandleFailure(job,
                  {absl::InternalError(fmt::format(
                      "all ranks stopped after step {} of {} unasked", first,
                      job.record.spec.steps))},
                  now);
  }
}

DeviceInstruction Coordinator::Instruct(const Place& place) {
  const auto held = held_.find(place);
  if (held == held_.end()) return {};
  const auto& [name, index] = held->second;
  const Job& job = jobs_.at(name);
  const Assignment assignment = AssignmentOf(job, index);
  pool_.NoteOrder(place.worker, place.device, assignment);
  std::vector<CommunicatorId> communicators;
  std::copy_if(job.communicators.begin(), job.communicators.end(),
               std::back_inserter(communicators),
               [index = index](const CommunicatorId& id) {
                 const std::vector<int>& members = id.communicator.members;
                 return std::find(members.begin(), members.end(), index) !=
                        members.end();
               });
  const DeviceReport* rank = FindRank(job, index);
  const bool has_plan =
      rank != nullptr && rank->revision >= job.record.plan->revision;
  return {.assignment = assignment,
          .plan = has_plan ? nullptr : job.record.plan,
          .peers = job.peers,
          .pause = job.record.pause_requested,
          .communicators = std::move(communicators)};
}

}  // namespace penstock
