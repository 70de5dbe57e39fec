#include <algorithm>
#include <limits>
#include <utility>

#include "coordinator/core/coordinator.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {

void Coordinator::NoteRevisions(Job& job) {
  const uint64_t newest = job.record.plan->revision;
  for (int i = 0; i < static_cast<int>(job.record.places.size()); ++i) {
    const DeviceReport* rank = FindRank(job, i);
    if (rank == nullptr || rank->progress.revision != newest) return;
  }
  job.revisions.NoteInForce(newest, job.record.step);
}

std::vector<DueRevision> Coordinator::DueRevisions() const {
  std::vector<DueRevision> due;
  for (const std::string& name : active_) {
    const Job& job = jobs_.at(name);
    const JobRecord& record = job.record;
    if (record.state != JobState::kRunning || record.pause_requested ||
        !job.revisions.IsDue(options_.revisions, *record.plan, record.step)) {
      continue;
    }
    std::vector<int64_t> memory(record.plan->ranks.size(),
                                std::numeric_limits<int64_t>::max());
    for (size_t i = 0; i < record.places.size(); ++i) {
      const PoolDevice* device = pool_.FindAlive(record.places[i]);
      int64_t& least = memory[i % memory.size()];
      least = std::min(
          least, device == nullptr ? 0 : device->report.shape.memory_bytes);
    }
    due.push_back({.job = name,
                   .epoch = record.epoch,
                   .plan = record.plan,
                   .memory_bytes = std::move(memory),
                   .after_step = job.revisions.in_force_after(),
                   .steps_left = record.spec.steps - record.step});
  }
  return due;
}

absl::Status Coordinator::Revise(const DueRevision& due,
                                 const RevisionOutcome& outcome,
                                 absl::Time now) {
  const auto found = jobs_.find(due.job);
  if (found == jobs_.end() ||
      found->second.record.state != JobState::kRunning ||
      found->second.record.epoch != due.epoch ||
      found->second.record.plan != due.plan) {
    return absl::AbortedError(
        fmt::format("job '{}' has gone on to another plan", due.job));
  }
  Job& job = found->second;
  job.revisions.NoteAttempt(job.record.step);
  const std::shared_ptr<const Plan>& plan = outcome.plan;
  if (plan != nullptr) RETURN_IF_ERROR(CheckRevisedPlan(due, *plan));
  const Plan& stays = plan != nullptr ? *plan : *due.plan;
  AddRevision({.epoch = due.epoch,
               .revision = stays.revision,
               .step = job.record.step,
               .time = now,
               .schedule_before = due.plan->schedule,
               .schedule = stays.schedule,
               .reason = outcome.reason,
               .measured = outcome.measured,
               .predicted = outcome.predicted},
              job.record.revisions);
  Touch(job, /*durable=*/true);
  if (plan == nullptr) return absl::OkStatus();
  AddEvent(now, "info", due.job,
           fmt::format("plan revised name={} epoch={} revision={} schedule={} "
                       "step_time={} before={}",
                       due.job, due.epoch, plan->revision, plan->schedule,
                       absl::FormatDuration(plan->step_time),
                       absl::FormatDuration(due.plan->step_time)));
  job.record.memory_bytes = MemoryBytes(*plan);
  job.record.plan = plan;
  return absl::OkStatus();
}

}  // namespace penstock
