#include "coordinator/core/worker_pool.h"

#include <algorithm>

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/nearest_name.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

absl::Status CheckDevice(const DeviceReport& device, size_t index) {
  const bool idle = device.state == DeviceState::kIdle;
  if (idle == device.assignment.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("devices[{}]: {} {} an assignment", index,
                    ToString(device.state), idle ? "with" : "without"));
  }
  if ((device.state == DeviceState::kFailed) == device.failure.ok()) {
    return absl::InvalidArgumentError(fmt::format(
        "devices[{}]: {} with failure code {}", index, ToString(device.state),
        static_cast<int>(device.failure.code())));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WorkerPool::CheckFields(const WorkerReport& report) const {
  if (report.name.empty() || report.incarnation == 0 || report.sequence == 0) {
    return absl::InvalidArgumentError(
        "name, incarnation and sequence of a report are required");
  }
  if (report.devices.empty() ||
      report.devices.size() > static_cast<size_t>(options_.devices_max)) {
    return absl::InvalidArgumentError(
        fmt::format("worker '{}' has {} devices; 1 to {} are accepted",
                    report.name, report.devices.size(), options_.devices_max));
  }
  for (size_t i = 0; i < report.devices.size(); ++i) {
    RETURN_IF_ERROR(CheckDevice(report.devices[i], i));
  }
  if (report.version != options_.version) {
    return absl::FailedPreconditionError(
        fmt::format("worker '{}' is version {}, the coordinator {}; install "
                    "the same version on both",
                    report.name, report.version, options_.version));
  }
  return absl::OkStatus();
}

absl::Status WorkerPool::CheckOrder(const PoolWorker& worker,
                                    const WorkerReport& report,
                                    absl::Time now) const {
  if (report.incarnation == worker.incarnation) {
    if (report.sequence <= worker.sequence) {
      return absl::AbortedError(
          fmt::format("report {} of worker '{}' came after report {}",
                      report.sequence, report.name, worker.sequence));
    }
    if (report.devices.size() != worker.devices.size()) {
      return absl::InvalidArgumentError(fmt::format(
          "worker '{}' reports {} devices, before it had {}", report.name,
          report.devices.size(), worker.devices.size()));
    }
  } else if (report.incarnation < worker.incarnation &&
             now < worker.lease_end) {
    return absl::AlreadyExistsError(
        fmt::format("another living worker is named '{}'; give each worker its "
                    "own name",
                    report.name));
  }
  return absl::OkStatus();
}

absl::Status WorkerPool::Accept(const WorkerReport& report, absl::Time now) {
  RETURN_IF_ERROR(CheckFields(report));
  const auto known = workers_.find(report.name);
  if (known != workers_.end()) {
    RETURN_IF_ERROR(CheckOrder(known->second, report, now));
  } else if (workers_.size() >= static_cast<size_t>(options_.workers_max)) {
    return absl::ResourceExhaustedError(fmt::format(
        "{} workers are known already, no more are accepted", workers_.size()));
  }
  PoolWorker& worker = workers_[report.name];
  if (worker.incarnation != report.incarnation) {
    worker = PoolWorker{.incarnation = report.incarnation,
                        .draining = worker.draining};
    worker.devices.resize(report.devices.size());
  }
  worker.version = report.version;
  worker.sequence = report.sequence;
  worker.answered = report.answered;
  worker.report_time = now;
  worker.lease_end = now + options_.lease;
  worker.connected = true;
  for (size_t i = 0; i < report.devices.size(); ++i) {
    DeviceReport& device = worker.devices[i].report;
    device = report.devices[i];
    device.metrics.clear();
    device.traces.clear();
    device.logs.clear();
  }
  return absl::OkStatus();
}

std::vector<std::string> WorkerPool::ExpireLeases(absl::Time now) {
  std::vector<std::string> lost;
  for (auto i = workers_.begin(); i != workers_.end();) {
    PoolWorker& worker = i->second;
    if (worker.connected && worker.lease_end <= now) {
      worker.connected = false;
      lost.push_back(i->first);
    }
    const bool forgotten = !worker.connected && !worker.draining &&
                           now - worker.report_time > options_.remembered;
    i = forgotten ? workers_.erase(i) : std::next(i);
  }
  return lost;
}

void WorkerPool::NoteOrder(const std::string& name, int index,
                           const Assignment& assignment) {
  const auto found = workers_.find(name);
  PENSTOCK_CHECK(found != workers_.end());
  PoolWorker& worker = found->second;
  PENSTOCK_CHECK(static_cast<size_t>(index) < worker.devices.size());
  PoolDevice& device = worker.devices[index];
  if (device.last_order != assignment) {
    device.last_order = assignment;
    device.first_order_sequence = worker.sequence;
  }
  device.last_order_sequence = worker.sequence;
}

const PoolDevice* WorkerPool::FindAlive(const Place& place) const {
  const PoolWorker* worker = Find(place.worker);
  if (worker == nullptr || worker->incarnation != place.incarnation ||
      !worker->connected ||
      static_cast<size_t>(place.device) >= worker->devices.size()) {
    return nullptr;
  }
  return &worker->devices[place.device];
}

bool WorkerPool::IsClear(const Place& place) const {
  const PoolDevice* device = FindAlive(place);
  if (device == nullptr) return true;
  if (device->report.state != DeviceState::kIdle) return false;
  if (!device->last_order) return true;
  return Find(place.worker)->answered > device->last_order_sequence;
}

const PoolWorker* WorkerPool::Find(const std::string& name) const {
  const auto found = workers_.find(name);
  return found == workers_.end() ? nullptr : &found->second;
}

absl::Status WorkerPool::SetDraining(const std::string& name, bool draining) {
  const auto found = workers_.find(name);
  if (found != workers_.end()) {
    found->second.draining = draining;
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  for (const auto& [known, worker] : workers_) names.push_back(known);
  const std::string nearest = NearestName(name, names);
  return absl::NotFoundError(fmt::format(
      "no worker is named '{}'{}", name,
      nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
}

absl::Time WorkerPool::NextLeaseEnd() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [name, worker] : workers_) {
    if (worker.connected) next = std::min(next, worker.lease_end);
  }
  return next;
}

void WorkerPool::Restore(const std::string& name, bool draining,
                         absl::Time now) {
  PoolWorker& worker = workers_[name];
  worker.draining = draining;
  worker.report_time = now;
  worker.lease_end = now;
}

}  // namespace penstock
