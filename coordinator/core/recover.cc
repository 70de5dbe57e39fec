#include <utility>

#include "coordinator/core/coordinator.h"
#include "fmt/format.h"

namespace penstock {
namespace {

// Whether trying again would end the same way.
bool IsLasting(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnauthenticated:
      return true;
    default:
      return false;
  }
}

// How far a rank's error is from the root of the trouble: when one rank fails,
// its peers soon report that they cannot reach it.
int DistanceOf(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable ||
                 code == absl::StatusCode::kAborted
             ? 2
             : 0;
}

}  // namespace

std::optional<absl::Status> Coordinator::FindLoss(const Job& job,
                                                  const Place& place,
                                                  absl::Time now) const {
  if (pool_.FindAlive(place) != nullptr) return std::nullopt;
  const PoolWorker* worker = pool_.Find(place.worker);
  const bool heard_of = worker != nullptr && worker->sequence > 0;
  if (!heard_of && now < job.adoption_end) return std::nullopt;
  if (heard_of && worker->connected) {
    return absl::UnavailableError(
        fmt::format("worker '{}' was restarted", place.worker));
  }
  return absl::UnavailableError(
      fmt::format("worker '{}' sent no report for {}", place.worker,
                  absl::FormatDuration(options_.lease)));
}

std::optional<Coordinator::Failure> Coordinator::FailureOfRank(
    const Job& job, int index, absl::Time now) const {
  const Place& place = job.record.places[index];
  if (const std::optional<absl::Status> loss = FindLoss(job, place, now)) {
    return Failure{*loss, 1};
  }
  if (const DeviceReport* rank = FindRank(job, index)) {
    if (rank->state != DeviceState::kFailed) return std::nullopt;
    return Failure{rank->failure, DistanceOf(rank->failure.code())};
  }
  const PoolDevice* device = pool_.FindAlive(place);
  if (device == nullptr || device->report.state != DeviceState::kIdle ||
      device->last_order != AssignmentOf(job, index) ||
      pool_.Find(place.worker)->answered < device->first_order_sequence) {
    return std::nullopt;
  }
  return Failure{absl::UnavailableError(fmt::format(
                     "worker '{}' stopped it, for it did not hear from the "
                     "coordinator for {}",
                     place.worker, absl::FormatDuration(options_.lease))),
                 1};
}

std::optional<Coordinator::Failure> Coordinator::FindFailure(
    const Job& job, absl::Time now) const {
  std::optional<Failure> root;
  for (int i = 0; i < static_cast<int>(job.record.places.size()); ++i) {
    std::optional<Failure> failure = FailureOfRank(job, i, now);
    if (!failure || (root && root->distance <= failure->distance)) continue;
    const Assignment assignment = AssignmentOf(job, i);
    failure->cause = absl::Status(
        failure->cause.code(),
        fmt::format("replica {} rank {} on {}:{}: {}", assignment.replica,
                    assignment.rank, job.record.places[i].worker,
                    job.record.places[i].device,
                    std::string(failure->cause.message())));
    root = std::move(failure);
  }
  return root;
}

void Coordinator::HandleFailure(Job& job, const Failure& failure,
                                absl::Time now) {
  JobRecord& record = job.record;
  const std::string cause(failure.cause.message());
  Release(job);
  if (IsLasting(failure.cause.code())) {
    Change(job, JobState::kFailed, cause, now);
    return;
  }
  record.last_failure = cause;
  job.failure_distance = failure.distance;
  if (record.recoveries_without_progress >= options_.recoveries_max) {
    Change(job, JobState::kFailed,
           fmt::format("gave up after {} restarts without a new step: {}",
                       record.recoveries_without_progress, cause),
           now);
    return;
  }
  ++record.recoveries;
  ++record.recoveries_without_progress;
  Change(job, JobState::kRecovering, cause, now);
}

void Coordinator::RefineFailure(Job& job, absl::Time now) {
  JobRecord& record = job.record;
  for (const Place& place : job.uncleared) {
    const PoolDevice* device = pool_.FindAlive(place);
    if (device == nullptr || device->report.state != DeviceState::kFailed ||
        device->report.assignment->job != record.spec.name ||
        device->report.assignment->epoch != record.epoch) {
      continue;
    }
    const absl::Status& failure = device->report.failure;
    if (DistanceOf(failure.code()) >= job.failure_distance) continue;
    job.failure_distance = DistanceOf(failure.code());
    record.last_failure = fmt::format(
        "replica {} rank {} on {}:{}: {}", device->report.assignment->replica,
        device->report.assignment->rank, place.worker, place.device,
        std::string(failure.message()));
    if (IsLasting(failure.code())) {
      Change(job, JobState::kFailed, record.last_failure, now);
      return;
    }
    Wait(job, record.last_failure);
  }
}

void Coordinator::FinishRecovery(Job& job, absl::Time now) {
  std::erase_if(job.uncleared,
                [this](const Place& place) { return pool_.IsClear(place); });
  JobRecord& record = job.record;
  if (record.state != JobState::kRecovering || now < assign_from_ ||
      !job.uncleared.empty()) {
    return;
  }
  if (record.checkpoint.step >= record.spec.steps) {
    // What was lost had only to be told of the end.
    record.step = record.step_max = record.checkpoint.step;
    Change(job, JobState::kSucceeded,
           fmt::format("made all {} steps", record.spec.steps), now);
  } else if (record.pause_requested) {
    record.pause_requested = false;
    Change(job, JobState::kPaused,
           fmt::format("paused on request while recovering, at step {}",
                       record.checkpoint.step),
           now);
  }
}

void Coordinator::Release(Job& job) {
  for (const Place& place : job.record.places) {
    held_.erase(place);
    job.uncleared.insert(place);
  }
  job.record.places.clear();
  job.peers.clear();
  job.communicators.clear();
}

}  // namespace penstock
