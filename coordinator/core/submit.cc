#include <utility>

#include "coordinator/core/coordinator.h"
#include "fmt/format.h"
#include "proto/base/nearest_name.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

constexpr size_t kRequestIdMax = 64;

std::string Resuming(const JobRecord& job) {
  return job.checkpoint.checkpoint.empty()
             ? "from the start"
             : fmt::format("from step {}", job.checkpoint.step);
}

}  // namespace

absl::Status Coordinator::NoSuchJob(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& [known, job] : jobs_) names.push_back(known);
  const std::string nearest = NearestName(name, names);
  return absl::NotFoundError(fmt::format(
      "no job is named '{}'{}", name,
      nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
}

absl::StatusOr<Coordinator::Job*> Coordinator::FindJob(
    const std::string& name) {
  const auto found = jobs_.find(name);
  if (found == jobs_.end()) return NoSuchJob(name);
  return &found->second;
}

absl::StatusOr<bool> Coordinator::IsRepeated(const std::string& request_id,
                                             const std::string& call,
                                             const std::string& name) const {
  if (request_id.empty() || request_id.size() > kRequestIdMax) {
    return absl::InvalidArgumentError(
        fmt::format("request_id has {} characters; 1 to {} are accepted",
                    request_id.size(), kRequestIdMax));
  }
  const auto found = requests_.find(request_id);
  if (found == requests_.end()) return false;
  if (found->second == std::make_pair(call, name)) return true;
  return absl::InvalidArgumentError(
      fmt::format("request_id '{}' was used to {} job '{}'; draw a new one",
                  request_id, found->second.first, found->second.second));
}

void Coordinator::NoteRequest(Job& job, const std::string& request_id,
                              const std::string& call, absl::Time now) {
  std::vector<RequestRecord>& requests = job.record.requests;
  requests.push_back({request_id, call, now});
  requests_[request_id] = {call, job.record.spec.name};
  size_t old = 0;
  while (now - requests[old].time > options_.requests_remembered ||
         requests.size() - old > static_cast<size_t>(options_.requests_max)) {
    requests_.erase(requests[old++].id);
  }
  requests.erase(requests.begin(),
                 requests.begin() + static_cast<std::ptrdiff_t>(old));
  Touch(job, /*durable=*/true);
}

absl::StatusOr<JobView> Coordinator::Submit(const std::string& request_id,
                                            const JobSpec& spec,
                                            absl::Time now) {
  ASSIGN_OR_RETURN(const bool repeated,
                   IsRepeated(request_id, "submit", spec.name));
  if (repeated) return Get(spec.name);
  if (jobs_.contains(spec.name)) {
    return absl::AlreadyExistsError(fmt::format(
        "a job named '{}' exists already; choose another name", spec.name));
  }
  if (jobs_.size() >= static_cast<size_t>(options_.jobs_max)) {
    return absl::ResourceExhaustedError(
        fmt::format("{} jobs are remembered, no more fit", jobs_.size()));
  }
  ASSIGN_OR_RETURN(const Plan plan, MakePlan(spec, now));
  Job& job = jobs_[spec.name];
  job.record.spec = spec;
  job.record.spec.device = DeviceOf(spec);
  job.record.submit_time = job.record.transition_time = now;
  job.record.queue_number = ++queue_number_;
  job.record.memory_bytes = MemoryBytes(plan);
  job.record.step = job.record.step_max = plan.start.step;
  job.record.reason = "waits for its turn";
  active_.insert(spec.name);
  NoteRequest(job, request_id, "submit", now);
  AddEvent(now, "info", spec.name, fmt::format("job added name={}", spec.name));
  Settle(now);
  return View(job);
}

absl::StatusOr<JobView> Coordinator::Cancel(const std::string& request_id,
                                            const std::string& name,
                                            absl::Time now) {
  ASSIGN_OR_RETURN(const bool repeated, IsRepeated(request_id, "cancel", name));
  ASSIGN_OR_RETURN(Job* const job, FindJob(name));
  if (!repeated && !IsFinal(job->record.state)) {
    NoteRequest(*job, request_id, "cancel", now);
    Release(*job);
    Change(*job, JobState::kCancelled, "cancelled on request", now);
    Settle(now);
  }
  return View(*job);
}

absl::StatusOr<JobView> Coordinator::Pause(const std::string& request_id,
                                           const std::string& name,
                                           absl::Time now) {
  ASSIGN_OR_RETURN(const bool repeated, IsRepeated(request_id, "pause", name));
  ASSIGN_OR_RETURN(Job* const job, FindJob(name));
  if (repeated) return View(*job);
  const JobState state = job->record.state;
  if (IsFinal(state)) {
    return absl::FailedPreconditionError(fmt::format(
        "job '{}' is {} and cannot be paused", name, ToString(state)));
  }
  NoteRequest(*job, request_id, "pause", now);
  if (state == JobState::kQueued) {
    Change(*job, JobState::kPaused, "paused on request before it was started",
           now);
  } else if (state != JobState::kPaused) {
    job->record.pause_requested = true;
    if (HoldsDevices(state)) {
      Wait(*job, "writes a checkpoint after this step, to pause on request");
    }
  }
  Settle(now);
  return View(*job);
}

absl::StatusOr<JobView> Coordinator::Resume(
    const std::string& request_id, const std::string& name,
    const std::optional<ParallelismSpec>& parallelism, absl::Time now) {
  ASSIGN_OR_RETURN(const bool repeated, IsRepeated(request_id, "resume", name));
  ASSIGN_OR_RETURN(Job* const job, FindJob(name));
  if (repeated) return View(*job);
  if (job->record.state != JobState::kPaused) {
    return absl::FailedPreconditionError(fmt::format(
        "job '{}' is {}, not PAUSED", name, ToString(job->record.state)));
  }
  JobSpec spec = job->record.spec;
  if (parallelism) spec.parallelism = *parallelism;
  ASSIGN_OR_RETURN(const Plan plan,
                   MakePlan(spec, now, job->record.checkpoint));
  job->record.spec = std::move(spec);
  job->record.memory_bytes = MemoryBytes(plan);
  job->record.queue_number = ++queue_number_;
  job->record.recoveries_without_progress = 0;
  job->refused.clear();
  NoteRequest(*job, request_id, "resume", now);
  Change(*job, JobState::kQueued,
         fmt::format("resumed on request, goes on {}", Resuming(job->record)),
         now);
  Settle(now);
  return View(*job);
}

absl::StatusOr<WorkerView> Coordinator::Drain(const std::string& name,
                                              bool undo, absl::Time now) {
  RETURN_IF_ERROR(pool_.SetDraining(name, !undo));
  changed_workers_[name] = !undo;
  AddEvent(now, "info", "",
           fmt::format("worker drain name={} undo={}", name, undo));
  Settle(now);
  return ViewWorker(name, *pool_.Find(name));
}

}  // namespace penstock
