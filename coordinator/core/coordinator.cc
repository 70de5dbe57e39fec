#include "coordinator/core/coordinator.h"

#include <algorithm>

#include "fmt/format.h"
#include "proto/base/check.h"

namespace penstock {
namespace {

// More than the changes that one life can make and not journal.
constexpr uint64_t kRevisionsPerLife = uint64_t{1} << 32;

constexpr size_t kEventsMax = 10000;

}  // namespace

Coordinator::Coordinator(Options options, PlanMaker make_plan)
    : options_(std::move(options)),
      make_plan_(std::move(make_plan)),
      pool_(WorkerPool::Options{.version = options_.version,
                                .lease = options_.lease}) {}

void Coordinator::Recover(std::vector<JobRecord> jobs,
                          std::vector<WorkerRecord> workers, absl::Time now) {
  PENSTOCK_CHECK(jobs_.empty());
  known_from_ = now + options_.lease;
  if (!jobs.empty()) assign_from_ = now + options_.lease;
  for (const WorkerRecord& worker : workers) {
    pool_.Restore(worker.name, worker.draining, now);
  }
  for (JobRecord& record : jobs) {
    const std::string name = record.spec.name;
    Job& job = jobs_[name];
    job.record = std::move(record);
    job.adoption_end = now + options_.lease;
    revision_ = std::max(revision_, job.record.revision);
    queue_number_ = std::max(queue_number_, job.record.queue_number);
    for (const RequestRecord& request : job.record.requests) {
      requests_[request.id] = {request.call, name};
    }
    for (size_t i = 0; i < job.record.places.size(); ++i) {
      held_[job.record.places[i]] = {name, static_cast<int>(i)};
    }
    if (!IsFinal(job.record.state) && job.record.state != JobState::kPaused) {
      active_.insert(name);
    }
  }
  revision_ += kRevisionsPerLife;
}

absl::Time Coordinator::Tick(absl::Time now) {
  Settle(now);
  absl::Time next = std::min(pool_.NextLeaseEnd(), now + options_.lease);
  if (now < assign_from_) next = std::min(next, assign_from_);
  return next;
}

void Coordinator::Settle(absl::Time now) {
  for (const std::string& name : pool_.ExpireLeases(now)) {
    AddEvent(now, "warn", "",
             fmt::format("worker lost name={} silent={}", name,
                         absl::FormatDuration(options_.lease)));
  }
  const std::vector<std::string> names(active_.begin(), active_.end());
  for (const std::string& name : names) SettleJob(jobs_.at(name), now);
  Schedule(now);
}

void Coordinator::SettleJob(Job& job, absl::Time now) {
  if (HoldsDevices(job.record.state)) {
    if (const std::optional<Failure> failure = FindFailure(job, now)) {
      HandleFailure(job, *failure, now);
      return;
    }
    StartIfReady(job, now);
    NoteProgress(job);
    NoteRevisions(job);
    FinishIfFinished(job, now);
  } else if (job.record.state == JobState::kRecovering) {
    RefineFailure(job, now);
    FinishRecovery(job, now);
  }
}

void Coordinator::Change(Job& job, JobState state, std::string reason,
                         absl::Time now) {
  const JobState before = job.record.state;
  Transition(job.record, state, std::move(reason), now);
  const std::string& name = job.record.spec.name;
  if (IsFinal(state) || state == JobState::kPaused) {
    active_.erase(name);
  } else {
    active_.insert(name);
  }
  Touch(job, /*durable=*/true);
  AddEvent(now, state == JobState::kFailed ? "warn" : "info", name,
           fmt::format("job changed name={} from={} to={} reason=\"{}\"", name,
                       ToString(before), ToString(state), job.record.reason));
}

void Coordinator::Touch(Job& job, bool durable) {
  job.record.revision = ++revision_;
  bool& changed = changed_jobs_[job.record.spec.name];
  changed = changed || durable;
}

JobView Coordinator::View(const Job& job) const {
  JobView view{.record = job.record};
  const int pipeline = static_cast<int>(job.record.spec.parallelism.pipeline);
  for (size_t i = 0; i < job.record.places.size(); ++i) {
    RankStatus rank{.replica = static_cast<int>(i) / pipeline,
                    .rank = static_cast<int>(i) % pipeline,
                    .place = job.record.places[i]};
    const PoolDevice* device = pool_.FindAlive(rank.place);
    if (device != nullptr && device->report.assignment &&
        device->report.assignment->job == job.record.spec.name &&
        device->report.assignment->epoch == job.record.epoch) {
      rank.state = device->report.state;
      rank.progress = device->report.progress;
    }
    view.ranks.push_back(std::move(rank));
  }
  return view;
}

WorkerView Coordinator::ViewWorker(const std::string& name,
                                   const PoolWorker& worker) const {
  WorkerView view{.name = name, .worker = worker};
  for (int i = 0; i < static_cast<int>(worker.devices.size()); ++i) {
    const auto held = held_.find({name, worker.incarnation, i});
    view.jobs.push_back(held == held_.end() ? "" : held->second.first);
  }
  return view;
}

absl::StatusOr<JobView> Coordinator::Get(const std::string& name) const {
  const auto found = jobs_.find(name);
  if (found == jobs_.end()) return NoSuchJob(name);
  return View(found->second);
}

std::vector<JobView> Coordinator::List() const {
  std::vector<JobView> views;
  for (const auto& [name, job] : jobs_) views.push_back(View(job));
  std::stable_sort(views.begin(), views.end(),
                   [](const JobView& a, const JobView& b) {
                     return a.record.submit_time > b.record.submit_time;
                   });
  return views;
}

std::vector<WorkerView> Coordinator::Workers() const {
  std::vector<WorkerView> views;
  for (const auto& [name, worker] : pool_.workers()) {
    views.push_back(ViewWorker(name, worker));
  }
  return views;
}

void Coordinator::AddEvent(absl::Time now, std::string level, std::string job,
                           std::string text) {
  if (events_.size() >= kEventsMax) return;
  events_.push_back({now, std::move(level), std::move(job), std::move(text)});
}

Changes Coordinator::TakeChanges() {
  Changes changes;
  for (const auto& [name, durable] : changed_jobs_) {
    changes.jobs.push_back({jobs_.at(name).record, durable});
  }
  for (const auto& [name, draining] : changed_workers_) {
    changes.workers.push_back({name, draining});
  }
  changes.events = std::move(events_);
  changed_jobs_.clear();
  changed_workers_.clear();
  events_.clear();
  return changes;
}

}  // namespace penstock
