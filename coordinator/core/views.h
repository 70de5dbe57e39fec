#ifndef COORDINATOR_CORE_VIEWS_H_
#define COORDINATOR_CORE_VIEWS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/job.h"
#include "coordinator/core/worker_pool.h"
#include "proto/worker_report.h"

// What the coordinator's core gives out: to people, and to the journal.

namespace penstock {

// One rank of a job that holds devices, as last reported.
struct RankStatus {
  int replica = 0;
  int rank = 0;
  Place place;
  DeviceState state = DeviceState::kIdle;
  Progress progress;
};

// A job as people see it.
struct JobView {
  JobRecord record;
  std::vector<RankStatus> ranks;  // Empty unless devices are held.
};

// A worker as people see it.
struct WorkerView {
  std::string name;
  PoolWorker worker;
  // Job that a device works for; empty when it is free. By device index.
  std::vector<std::string> jobs;
};

// What has to survive the coordinator of a worker.
struct WorkerRecord {
  std::string name;
  bool draining = false;
};

// Something that an operator or the owner of a job would want to read.
struct Event {
  absl::Time time;
  std::string level;  // "info" or "warn".
  std::string job;    // Empty when it is not about one.
  std::string text;   // "worker lost name=w1 incarnation=7".
};

struct JobChange {
  JobRecord record;
  // Whether the change has to be in the journal before any answer leaves. Only
  // progress within an epoch has not: it is reported again.
  bool durable = true;
};

// What happened since the last call, in order; of one job the last record only.
struct Changes {
  std::vector<JobChange> jobs;
  std::vector<WorkerRecord> workers;
  std::vector<Event> events;

  bool durable() const;  // Whether anything must be journalled.
};

}  // namespace penstock

#endif  // COORDINATOR_CORE_VIEWS_H_
