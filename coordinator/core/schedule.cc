#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "coordinator/core/coordinator.h"
#include "fmt/format.h"

namespace penstock {
namespace {

std::string Devices(size_t count) {
  return fmt::format("{} device{}", count, count == 1 ? "" : "s");
}

// "2 devices", "1 CUDA device": what the job takes.
std::string Wanted(const JobSpec& spec) {
  const int count = PlaceCount(spec);
  return fmt::format("{} {}device{}", count,
                     spec.device == DeviceChoice::kCuda ? "CUDA " : "",
                     count == 1 ? "" : "s");
}

std::string Needs(const JobRecord& job) {
  return fmt::format("needs {} of at least {} MiB", Wanted(job.spec),
                     (job.memory_bytes >> 20) + 1);
}

std::vector<DeviceShape> DevicesOf(const WorkerPool& pool) {
  std::vector<DeviceShape> devices;
  for (const auto& [name, worker] : pool.workers()) {
    for (const PoolDevice& device : worker.devices) {
      devices.push_back(device.report.shape);
    }
  }
  return devices;
}

bool IsOf(DeviceChoice choice, const DeviceShape& device) {
  return device.kind == ToString(choice);
}

// "3", or "3 cpu and 1 cuda" where not all are of the kind that is asked for.
std::string KindsText(const std::vector<DeviceShape>& devices,
                      DeviceChoice asked) {
  std::map<std::string, size_t> counts;
  for (const DeviceShape& device : devices) ++counts[device.kind];
  if (counts[std::string(ToString(asked))] == devices.size()) {
    return fmt::format("{}", devices.size());
  }
  std::vector<std::string> texts;
  for (const auto& [kind, count] : counts) {
    texts.push_back(fmt::format("{} {}", count, kind));
  }
  return fmt::format("{}, and a job takes one kind", fmt::join(texts, " and "));
}

}  // namespace

absl::StatusOr<Plan> Coordinator::MakePlan(const JobSpec& spec, absl::Time now,
                                           const StartPoint& known) const {
  JobSpec resolved = spec;
  resolved.device = DeviceOf(spec);
  std::vector<DeviceShape> devices = DevicesOf(pool_);
  const size_t needed = static_cast<size_t>(PlaceCount(spec));
  absl::StatusOr<Plan> plan = absl::FailedPreconditionError(
      fmt::format("parallelism: {} x {} needs {}; the cluster has {}",
                  spec.parallelism.pipeline, spec.parallelism.data,
                  Wanted(spec), KindsText(devices, resolved.device)));
  std::erase_if(devices, [&resolved](const DeviceShape& device) {
    return !IsOf(resolved.device, device);
  });
  if (devices.size() >= needed) {
    std::stable_sort(devices.begin(), devices.end(),
                     [](const DeviceShape& a, const DeviceShape& b) {
                       return a.memory_bytes > b.memory_bytes;
                     });
    devices.resize(needed);
    plan = make_plan_(resolved, devices, known);
  }
  if (plan.status().code() == absl::StatusCode::kFailedPrecondition &&
      now < known_from_) {
    return absl::UnavailableError(fmt::format(
        "the coordinator was started a moment ago and may not know all workers "
        "yet; so far: {}",
        std::string(plan.status().message())));
  }
  return plan;
}

// The kind of `spec`, or what "auto" means for it in the cluster as it is.
DeviceChoice Coordinator::DeviceOf(const JobSpec& spec) const {
  if (spec.device != DeviceChoice::kAuto) return spec.device;
  const std::vector<DeviceShape> devices = DevicesOf(pool_);
  const auto cuda = std::count_if(devices.begin(), devices.end(),
                                  [](const DeviceShape& device) {
                                    return IsOf(DeviceChoice::kCuda, device);
                                  });
  return cuda >= PlaceCount(spec) ? DeviceChoice::kCuda : DeviceChoice::kCpu;
}

Coordinator::Candidates Coordinator::FindCandidates(
    const JobRecord& job) const {
  Candidates candidates;
  const DeviceChoice device = DeviceOf(job.spec);
  for (const auto& [name, worker] : pool_.workers()) {
    if (!worker.connected || worker.draining) continue;
    for (int i = 0; i < static_cast<int>(worker.devices.size()); ++i) {
      const DeviceShape& shape = worker.devices[i].report.shape;
      if (shape.memory_bytes < job.memory_bytes) continue;
      if (!IsOf(device, shape)) continue;
      ++candidates.total;
      const Place place{name, worker.incarnation, i};
      if (!held_.contains(place) && pool_.IsClear(place)) {
        candidates.free.push_back(place);
      }
    }
  }
  // The smallest that fit, so that the others stay for jobs that need them.
  const auto memory = [this](const Place& place) {
    return pool_.FindAlive(place)->report.shape.memory_bytes;
  };
  std::stable_sort(candidates.free.begin(), candidates.free.end(),
                   [&memory](const Place& a, const Place& b) {
                     return memory(a) < memory(b);
                   });
  return candidates;
}

// First come, first served: a job that has to wait keeps what it needs from
// those behind it, so that none starves. Only one that could not run even if
// all devices were free lets the others pass.
void Coordinator::Schedule(absl::Time now) {
  if (now < assign_from_) return;
  std::vector<Job*> waiting;
  for (const std::string& name : active_) {
    Job& job = jobs_.at(name);
    if (!HoldsDevices(job.record.state)) waiting.push_back(&job);
  }
  std::stable_sort(waiting.begin(), waiting.end(),
                   [](const Job* a, const Job* b) {
                     return a->record.queue_number < b->record.queue_number;
                   });
  int reserved = 0;
  for (Job* job : waiting) {
    std::erase_if(job->uncleared,
                  [this](const Place& place) { return pool_.IsClear(place); });
    if (!TryAssign(*job, reserved, now)) {
      reserved += PlaceCount(job->record.spec);
    }
  }
}

bool Coordinator::TryAssign(Job& job, int reserved, absl::Time now) {
  // While a job drains, its reason tells why.
  if (!job.uncleared.empty()) return false;
  const int needed = PlaceCount(job.record.spec);
  Candidates candidates = FindCandidates(job.record);
  const int free = static_cast<int>(candidates.free.size());
  if (candidates.total < needed) {
    Wait(job, fmt::format("{}; the cluster has {}", Needs(job.record),
                          candidates.total));
    return true;
  }
  if (free - reserved < needed) {
    Wait(job, fmt::format("{}; {} of {} are free{}", Needs(job.record), free,
                          candidates.total,
                          reserved > 0 ? ", and earlier jobs wait" : ""));
    return false;
  }
  candidates.free.resize(needed);
  if (candidates.free == job.refused) return true;
  std::vector<DeviceShape> devices;
  for (const Place& place : candidates.free) {
    devices.push_back(pool_.FindAlive(place)->report.shape);
  }
  absl::StatusOr<Plan> plan =
      make_plan_(job.record.spec, devices, job.record.checkpoint);
  if (!plan.ok()) {
    job.refused = std::move(candidates.free);
    Wait(job, std::string(plan.status().message()));
    return true;
  }
  Assign(job, *std::move(plan), std::move(candidates.free), now);
  return true;
}

void Coordinator::Assign(Job& job, Plan plan, std::vector<Place> places,
                         absl::Time now) {
  JobRecord& record = job.record;
  plan = KeepRevision(std::move(plan), record.plan.get());
  job.revisions = PlanRevisions();
  Change(job, JobState::kPlanning, "plans for " + Devices(places.size()), now);
  record.memory_bytes = MemoryBytes(plan);
  record.step = plan.start.step;
  record.plan = std::make_shared<const Plan>(std::move(plan));
  ++record.epoch;
  std::string names;
  for (int i = 0; i < static_cast<int>(places.size()); ++i) {
    held_[places[i]] = {record.spec.name, i};
    names += fmt::format("{}{}:{}", i == 0 ? "" : " ", places[i].worker,
                         places[i].device);
  }
  record.places = std::move(places);
  job.refused.clear();
  job.adoption_end = now;
  Change(job, JobState::kStarting,
         fmt::format("epoch {} starts from step {} on {}", record.epoch,
                     record.step, names),
         now);
}

void Coordinator::Wait(Job& job, std::string reason) {
  if (job.record.state == JobState::kRecovering &&
      reason != job.record.last_failure) {
    reason += "; recovers from: " + job.record.last_failure;
  }
  if (job.record.reason == reason) return;
  job.record.reason = std::move(reason);
  Touch(job, /*durable=*/false);
}

}  // namespace penstock
