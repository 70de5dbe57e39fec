#include "coordinator/service/cluster.h"

#include <algorithm>
#include <utility>

#include "coordinator/storage/job_record_proto.h"
#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "spdlog/spdlog.h"

namespace penstock {
namespace {

// Revisions that changes of progress may have reached without being journalled.
// Far more than a coordinator makes between two flushes, so that watchers who
// saw the last of them still see what comes after a restart.
constexpr uint64_t kRevisionGap = 1'000'000;

absl::Status Stopping() {
  return absl::UnavailableError(
      "the coordinator is stopping; try again in a few seconds");
}

void Log(const std::vector<Event>& events) {
  for (const Event& event : events) {
    const spdlog::level::level_enum level =
        event.level == "warn" ? spdlog::level::warn : spdlog::level::info;
    if (event.job.empty()) {
      spdlog::log(level, "{}", event.text);
    } else {
      spdlog::log(level, "{} job={}", event.text, event.job);
    }
  }
}

}  // namespace

Cluster::Cluster(const Options& options, PlanMaker make_plan,
                 std::unique_ptr<Journal> journal)
    : options_(options),
      core_(options.coordinator, std::move(make_plan)),
      journal_(std::move(journal)),
      observations_(*journal_) {}

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Open(
    const Options& options, PlanMaker make_plan,
    std::unique_ptr<Journal> journal) {
  std::unique_ptr<Cluster> cluster(
      new Cluster(options, std::move(make_plan), std::move(journal)));
  RETURN_IF_ERROR(cluster->Recover());
  return cluster;
}

absl::Status Cluster::Recover() {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const JournalContents contents, journal_->Read());
  std::vector<JobRecord> jobs;
  for (const JournalJob& job : contents.jobs) {
    ASSIGN_OR_RETURN(JobRecord record, ParseJobRecord(job.name, job.record));
    record.revision += kRevisionGap;
    jobs.push_back(std::move(record));
  }
  std::vector<WorkerRecord> workers;
  for (const JournalWorker& worker : contents.workers) {
    workers.push_back({.name = worker.name, .draining = worker.draining});
  }
  spdlog::info("journal read jobs={} workers={}", jobs.size(), workers.size());
  core_.Recover(std::move(jobs), std::move(workers), options_.now());
  const std::vector<Event> events = TakeChanges();
  KeepEvents(events);
  Log(events);
  return Flush();
}

template <typename Decide>
auto Cluster::Commit(Decide decide) -> decltype(decide(absl::Time())) {
  std::vector<Event> events;
  auto result = [&]() -> decltype(decide(absl::Time())) {
    MutexLock lock(mutex_);
    if (stopped_) return Stopping();
    // What is still pending comes first: the answer may depend on it.
    RETURN_IF_ERROR(Flush());
    auto decided = decide(options_.now());
    events = TakeChanges();
    const absl::Status flushed = Flush();
    KeepEvents(events);
    changed_.NotifyAll();
    if (!flushed.ok()) return flushed;
    return decided;
  }();
  Log(events);
  return result;
}

std::vector<Event> Cluster::TakeChanges() {
  Changes changes = core_.TakeChanges();
  pending_durable_ = pending_durable_ || changes.durable();
  for (JobChange& change : changes.jobs) {
    const std::string name = change.record.spec.name;
    pending_jobs_.insert_or_assign(name, std::move(change.record));
  }
  for (const WorkerRecord& worker : changes.workers) {
    pending_workers_.insert_or_assign(worker.name, worker.draining);
  }
  return std::move(changes.events);
}

absl::Status Cluster::Flush() {
  if (pending_jobs_.empty() && pending_workers_.empty()) {
    return absl::OkStatus();
  }
  const absl::Time now = SteadyNow();
  if (!pending_durable_ && now < flush_time_ + options_.progress_delay_max) {
    return absl::OkStatus();
  }
  JournalBatch batch;
  for (const auto& [name, record] : pending_jobs_) {
    batch.jobs.push_back({.name = name, .record = SerializeJobRecord(record)});
  }
  for (const auto& [name, draining] : pending_workers_) {
    batch.workers.push_back({.name = name, .draining = draining});
  }
  const absl::Status status = journal_->Commit(batch);
  if (!status.ok()) {
    if (journal_status_.ok()) {
      spdlog::error("journal write failed status=\"{}\"", status.ToString());
    }
    journal_status_ = absl::UnavailableError(
        fmt::format("the coordinator cannot write its journal: {}",
                    std::string(status.message())));
    return journal_status_;
  }
  if (!journal_status_.ok()) spdlog::info("journal write works again");
  journal_status_ = absl::OkStatus();
  pending_jobs_.clear();
  pending_workers_.clear();
  pending_durable_ = false;
  flush_time_ = now;
  return absl::OkStatus();
}

absl::Status Cluster::CheckReadable() const {
  if (stopped_) return Stopping();
  return journal_status_;
}

void Cluster::KeepEvents(const std::vector<Event>& events) {
  for (const Event& event : events) {
    if (event.job.empty()) continue;
    const absl::Status status =
        observations_.AddLog(event.job, {.time = event.time,
                                         .source = "coordinator",
                                         .level = event.level,
                                         .text = event.text});
    if (!status.ok()) {
      spdlog::warn("log line lost job={} status=\"{}\"", event.job,
                   status.ToString());
    }
  }
}

void Cluster::KeepObservations(const WorkerReport& report,
                               WorkerInstruction& instruction) {
  const size_t devices =
      std::min(report.devices.size(), instruction.devices.size());
  for (size_t i = 0; i < devices; ++i) {
    const DeviceReport& device = report.devices[i];
    if (!device.assignment) continue;
    // What is told of an older plan would mix with what the one in force tells.
    // The job may have ended by this very report, which has its last step.
    const absl::StatusOr<JobView> job = core_.Get(device.assignment->job);
    if (!job.ok() || job->record.epoch != device.assignment->epoch) continue;
    const absl::Status status = observations_.Add(*device.assignment, device);
    if (!status.ok()) {
      spdlog::warn("metrics not stored job={} status=\"{}\"",
                   device.assignment->job, status.ToString());
    }
    instruction.devices[i].metrics_acknowledged =
        observations_.AcknowledgedStep(*device.assignment);
  }
}

absl::StatusOr<JobView> Cluster::Submit(const std::string& request_id,
                                        const JobSpec& spec) {
  return Commit([&](absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return core_.Submit(request_id, spec, now);
  });
}

absl::StatusOr<JobView> Cluster::Cancel(const std::string& request_id,
                                        const std::string& name) {
  return Commit([&](absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return core_.Cancel(request_id, name, now);
  });
}

absl::StatusOr<JobView> Cluster::Pause(const std::string& request_id,
                                       const std::string& name) {
  return Commit([&](absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return core_.Pause(request_id, name, now);
  });
}

absl::StatusOr<JobView> Cluster::Resume(
    const std::string& request_id, const std::string& name,
    const std::optional<ParallelismSpec>& parallelism) {
  return Commit([&](absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return core_.Resume(request_id, name, parallelism, now);
  });
}

absl::StatusOr<Plan> Cluster::MakePlan(const JobSpec& spec) {
  return Commit([&](absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return core_.MakePlan(spec, now);
  });
}

absl::StatusOr<WorkerView> Cluster::Drain(const std::string& name, bool undo) {
  return Commit([&](absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return core_.Drain(name, undo, now);
  });
}

absl::StatusOr<WorkerInstruction> Cluster::Synchronize(
    const WorkerReport& report) {
  return Commit([&](absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    absl::StatusOr<WorkerInstruction> instruction =
        core_.Synchronize(report, now);
    if (instruction.ok()) KeepObservations(report, *instruction);
    return instruction;
  });
}

absl::Status Cluster::Revise(const DueRevision& due,
                             const RevisionOutcome& outcome) {
  return Commit([&](absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return core_.Revise(due, outcome, now);
  });
}

std::vector<DueRevision> Cluster::DueRevisions() {
  MutexLock lock(mutex_);
  if (!CheckReadable().ok()) return {};
  return core_.DueRevisions();
}

void Cluster::Tick() {
  std::vector<Event> events;
  {
    MutexLock lock(mutex_);
    core_.Tick(options_.now());
    events = TakeChanges();
    // A failure is remembered in journal_status_ and tried again.
    static_cast<void>(Flush());
    KeepEvents(events);
    changed_.NotifyAll();
  }
  Log(events);
}

std::optional<JobView> Cluster::FindSubmission(const std::string& request_id,
                                               const std::string& name) {
  MutexLock lock(mutex_);
  if (!CheckReadable().ok()) return std::nullopt;
  absl::StatusOr<JobView> job = core_.Get(name);
  if (!job.ok()) return std::nullopt;
  for (const RequestRecord& request : job->record.requests) {
    if (request.id == request_id && request.call == "submit") {
      return *std::move(job);
    }
  }
  return std::nullopt;
}

absl::StatusOr<JobView> Cluster::Get(const std::string& name) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckReadable());
  return core_.Get(name);
}

absl::StatusOr<std::vector<JobView>> Cluster::List() {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckReadable());
  return core_.List();
}

absl::StatusOr<std::vector<WorkerView>> Cluster::Workers() {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckReadable());
  return core_.Workers();
}

std::vector<StepTrace> Cluster::Traces(const std::string& name, int steps) {
  MutexLock lock(mutex_);
  return observations_.Traces(name, steps);
}

void Cluster::AddLog(const std::string& job, const std::string& level,
                     const std::string& text) {
  const std::vector<Event> events = {
      {.time = options_.now(), .level = level, .job = job, .text = text}};
  {
    MutexLock lock(mutex_);
    KeepEvents(events);
    changed_.NotifyAll();
  }
  Log(events);
}

absl::StatusOr<std::optional<JobView>> Cluster::WaitForJob(
    const std::string& name, uint64_t after_revision, absl::Time deadline) {
  MutexLock lock(mutex_);
  while (true) {
    RETURN_IF_ERROR(CheckReadable());
    ASSIGN_OR_RETURN(JobView job, core_.Get(name));
    if (job.record.revision > after_revision) return job;
    if (!changed_.WaitUntil(mutex_, deadline)) return std::nullopt;
  }
}

absl::StatusOr<std::vector<StepMetrics>> Cluster::WaitForMetrics(
    const std::string& name, int64_t after_step, absl::Time deadline) {
  MutexLock lock(mutex_);
  while (true) {
    RETURN_IF_ERROR(CheckReadable());
    ASSIGN_OR_RETURN(const JobView job, core_.Get(name));
    ASSIGN_OR_RETURN(std::vector<StepMetrics> metrics,
                     observations_.Metrics(name, after_step));
    if (!metrics.empty() || IsFinal(job.record.state)) return metrics;
    if (!changed_.WaitUntil(mutex_, deadline)) return metrics;
  }
}

absl::StatusOr<std::vector<StoredLogLine>> Cluster::WaitForLogs(
    const std::string& name, int64_t after_sequence, absl::Time deadline) {
  MutexLock lock(mutex_);
  while (true) {
    RETURN_IF_ERROR(CheckReadable());
    ASSIGN_OR_RETURN(const JobView job, core_.Get(name));
    ASSIGN_OR_RETURN(std::vector<StoredLogLine> lines,
                     observations_.Logs(name, after_sequence));
    if (!lines.empty() || IsFinal(job.record.state)) return lines;
    if (!changed_.WaitUntil(mutex_, deadline)) return lines;
  }
}

void Cluster::Stop() {
  MutexLock lock(mutex_);
  if (stopped_) return;
  stopped_ = true;
  flush_time_ = absl::InfinitePast();  // Progress, too, is written now.
  const absl::Status flushed = Flush();
  if (!flushed.ok()) {
    spdlog::error("last changes not journalled status=\"{}\"",
                  flushed.ToString());
  }
  changed_.NotifyAll();
}

bool Cluster::WaitUntilStopped(absl::Time deadline) {
  MutexLock lock(mutex_);
  while (!stopped_) {
    if (!changed_.WaitUntil(mutex_, deadline)) return stopped_;
  }
  return true;
}

}  // namespace penstock
