#ifndef COORDINATOR_CORE_WORKER_POOL_H_
#define COORDINATOR_CORE_WORKER_POOL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/core/job.h"
#include "proto/worker_report.h"

namespace penstock {

// What the pool knows about one device.
struct PoolDevice {
  // As last reported, without metrics, traces and logs.
  DeviceReport report;
  // Sequence of the first and the last report that was answered with
  // `last_order`; 0 and unset before any order.
  uint64_t first_order_sequence = 0;
  uint64_t last_order_sequence = 0;
  std::optional<Assignment> last_order;
};

// One worker name.
struct PoolWorker {
  Incarnation incarnation = 0;
  std::string version;
  uint64_t sequence = 0;  // Of the last report that was accepted.
  uint64_t answered = 0;  // As that report says.
  absl::Time report_time;
  absl::Time lease_end;
  bool connected = false;  // Its lease has not ended.
  bool draining = false;
  std::vector<PoolDevice> devices;
};

// Who is there, how long their word is good for, and what each device may be
// executing.
//
// The one question that safety hangs on is IsClear: a device that reports IDLE
// may have been told to execute by an answer that is still on its way. It is
// clear only when its report says that a later answer, without an order, has
// been obeyed; or when the lease or the process has ended.
//
// Pure: no clock, thread or I/O; `now` must not decrease. Thread-compatible.
class WorkerPool {
 public:
  struct Options {
    std::string version;  // That workers must have.
    absl::Duration lease = absl::Seconds(10);
    // How long a worker that is gone is remembered.
    absl::Duration remembered = absl::Hours(1);
    int workers_max = 100000;  // Names remembered at once.
    int devices_max = 64;      // Of one worker.
  };

  explicit WorkerPool(const Options& options) : options_(options) {}

  // Takes in one report. When the incarnation is new, the devices' orders are
  // forgotten: the process they went to is dead.
  //
  // Errors:
  //   InvalidArgument: a required field is missing, or there are more devices
  //     than allowed, or their number changed.
  //   FailedPrecondition: the worker's version is not the coordinator's.
  //   AlreadyExists: a later incarnation of this name is alive.
  //   Aborted: a later report of this incarnation was accepted before; drop it.
  //   ResourceExhausted: too many workers.
  absl::Status Accept(const WorkerReport& report, absl::Time now);

  // Marks workers whose lease has ended as gone, and forgets those that are
  // gone for long. Returns the names of the newly gone.
  std::vector<std::string> ExpireLeases(absl::Time now);

  // Notes that the answer to the worker's last report orders `assignment` on
  // the device.
  void NoteOrder(const std::string& name, int device,
                 const Assignment& assignment);

  // Whether it is certain that nothing ordered before still executes there.
  bool IsClear(const Place& place) const;

  // Null when the place's incarnation is not the one alive.
  const PoolDevice* FindAlive(const Place& place) const;

  // Null when the name is unknown.
  const PoolWorker* Find(const std::string& name) const;

  // Errors:
  //   NotFound: no worker of that name; names the nearest.
  absl::Status SetDraining(const std::string& name, bool draining);

  const std::map<std::string, PoolWorker>& workers() const { return workers_; }

  // When the next lease ends; InfiniteFuture when none is running.
  absl::Time NextLeaseEnd() const;

  // Restores what was journalled of a worker before any report of it.
  void Restore(const std::string& name, bool draining, absl::Time now);

 private:
  absl::Status CheckFields(const WorkerReport& report) const;
  absl::Status CheckOrder(const PoolWorker& worker, const WorkerReport& report,
                          absl::Time now) const;

  const Options options_;
  std::map<std::string, PoolWorker> workers_;
};

}  // namespace penstock

#endif  // COORDINATOR_CORE_WORKER_POOL_H_
