#ifndef COORDINATOR_CORE_COORDINATOR_H_
#define COORDINATOR_CORE_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/core/job.h"
#include "coordinator/core/worker_pool.h"
#include "proto/job_spec.h"
#include "proto/plan.h"
#include "proto/worker_report.h"

namespace penstock {

// Makes the plan of a job for `devices`, index replica * ranks + rank, as many
// as the job has ranks in all. Pure, called with the coordinator's lock held,
// so it should take milliseconds. `start` is that of
// spec.checkpoint.resume_from, or empty; the coordinator sets it when the job
// has a checkpoint of its own.
//
// Errors: FailedPrecondition, InvalidArgument: what does not fit, and what
// would.
using PlanMaker = std::function<absl::StatusOr<Plan>(
    const JobSpec& spec, const std::vector<DeviceShape>& devices)>;

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

// Decides everything: which job runs where, in which epoch, and what each
// device is told.
//
// A pure state machine: no clock, thread, I/O or log. The service calls it
// under one mutex; tests/simulation calls it in invented time. `now` must not
// decrease between calls and should resemble the time of day across restarts
// (wall time at start plus steady time since), for people read it.
//
// The shell's contract: after every call, TakeChanges; write what is durable to
// the journal; only then release the call's answer. A crash in between loses
// the change and the answer together.
//
// Invariant: devices that may be executing a job have the same epoch and
// different ranks. When a rank is lost, the job therefore drains: all its
// devices are told to be idle, and the next epoch is assigned only when each is
// known to be, see WorkerPool::IsClear.
//
// Thread-compatible.
class Coordinator {
 public:
  struct Options {
    std::string version;
    absl::Duration lease = absl::Seconds(10);
    absl::Duration interval = absl::Seconds(1);  // Between reports.
    // Restarts of a job without a new step in between; then it fails.
    int recoveries_max = 3;
    absl::Duration requests_remembered = absl::Hours(24);
    int jobs_max = 10000;     // Remembered at once, final ones included.
    int requests_max = 1000;  // Remembered of one job; the oldest go first.
  };

  Coordinator(Options options, PlanMaker make_plan);

  // Goes on after a restart from what the journal has. Called once, first, if
  // at all. Jobs stay in their states; devices that report their assignments
  // are adopted. When there are records, no rank gets a new place before one
  // lease has passed: orders of the life before may still be obeyed until then.
  void Recover(std::vector<JobRecord> jobs, std::vector<WorkerRecord> workers,
               absl::Time now);

  // Mutating calls. The same request id of the same call on the same job within
  // 24 hours changes nothing and returns the job. Calls that fail are not
  // remembered.
  //
  // Errors of all:
  //   InvalidArgument: the request id is empty, longer than 64, or was used for
  //     another call.
  //   NotFound (not Submit): no such job; names the nearest.

  // `spec` is valid, with paths checked and architecture resolved.
  //
  // Errors:
  //   AlreadyExists: another job has this name.
  //   FailedPrecondition: it cannot fit the cluster's devices even when all are
  //     free; the message names what would.
  //   ResourceExhausted: too many jobs.
  //   Unavailable: it cannot fit the workers known so far, but the coordinator
  //     started less than a lease ago.
  absl::StatusOr<JobView> Submit(const std::string& request_id,
                                 const JobSpec& spec, absl::Time now);
  absl::StatusOr<JobView> Cancel(const std::string& request_id,
                                 const std::string& name, absl::Time now);
  // Errors:
  //   FailedPrecondition: the job is final.
  absl::StatusOr<JobView> Pause(const std::string& request_id,
                                const std::string& name, absl::Time now);
  // Errors:
  //   FailedPrecondition: the job is not paused, or `parallelism` does not fit;
  //     the job stays paused. Unavailable: as for Submit.
  absl::StatusOr<JobView> Resume(
      const std::string& request_id, const std::string& name,
      const std::optional<ParallelismSpec>& parallelism, absl::Time now);

  // The plan that Submit would start from; changes nothing. Errors: Submit's.
  absl::StatusOr<Plan> MakePlan(const JobSpec& spec, absl::Time now) const;

  // Idempotent by nature: needs no request id.
  //
  // Errors:
  //   NotFound: no such worker; names the nearest.
  absl::StatusOr<WorkerView> Drain(const std::string& worker, bool undo,
                                   absl::Time now);

  // Takes in a worker's report and answers it. `metrics_acknowledged` is left 0
  // for the shell to fill in: it stores the metrics. A device's metrics, traces
  // and logs are worth storing when the answer's assignment equals the reported
  // one.
  //
  // Errors: those of WorkerPool::Accept. On Aborted, send no answer.
  absl::StatusOr<WorkerInstruction> Synchronize(const WorkerReport& report,
                                                absl::Time now);

  // Lets time pass: leases end. Returns when to call again at the latest.
  absl::Time Tick(absl::Time now);

  // Errors: NotFound: no such job; names the nearest.
  absl::StatusOr<JobView> Get(const std::string& name) const;
  // By submit time, newest first.
  std::vector<JobView> List() const;
  // By name.
  std::vector<WorkerView> Workers() const;
  // Of the last change of anything.
  uint64_t revision() const { return revision_; }

  Changes TakeChanges();

 private:
  // A job and what need not survive.
  struct Job {
    JobRecord record;
    std::vector<RankStatus> ranks;
    // Transport addresses, as record.places; empty until all are READY.
    std::vector<std::string> peers;
    // Which ranks have reported their assignment; as record.places.
    std::vector<bool> adopted;
    // Places of earlier epochs that are not known to be idle yet.
    std::vector<Place> uncleared;
    // Until when ranks may stay silent after a restart.
    absl::Time adoption_end = absl::InfinitePast();
  };

  // submit.cc
  absl::StatusOr<bool> IsRepeated(const std::string& request_id,
                                  const std::string& call,
                                  const std::string& name) const;
  void NoteRequest(Job& job, const std::string& request_id,
                   const std::string& call, absl::Time now);
  absl::StatusOr<Job*> FindJob(const std::string& name);
  void PauseAtOnce(Job& job, absl::Time now);

  // synchronize.cc
  void Observe(Job& job, absl::Time now);
  void ObserveRank(Job& job, size_t index);
  void NoteProgress(Job& job, const Progress& progress);
  void StartIfReady(Job& job, absl::Time now);
  void FinishIfFinished(Job& job, absl::Time now);
  DeviceInstruction Instruct(const std::string& worker, int device,
                             absl::Time now);

  // recover.cc
  std::optional<absl::Status> FindFailure(const Job& job, absl::Time now) const;
  void HandleFailure(Job& job, const absl::Status& cause, absl::Time now);
  void FinishRecoveryIfDone(Job& job, absl::Time now);
  void Release(Job& job);

  // schedule.cc
  void Schedule(absl::Time now);
  bool TryAssign(Job& job, absl::Time now);
  std::vector<Place> PlacesFor(const JobRecord& job, bool only_free) const;
  void Assign(Job& job, Plan plan, std::vector<Place> places, absl::Time now);
  void Wait(Job& job, std::string reason);

  // coordinator.cc
  void Settle(absl::Time now);
  void Change(Job& job, JobState state, std::string reason, absl::Time now);
  void Touch(Job& job, bool durable);
  JobView View(const Job& job) const;
  void AddEvent(std::string level, std::string job, std::string text,
                absl::Time now);

  const Options options_;
  const PlanMaker make_plan_;
  WorkerPool pool_;
  std::map<std::string, Job> jobs_;
  uint64_t revision_ = 0;
  absl::Time assign_from_ = absl::InfinitePast();
  absl::Time known_from_ = absl::InfinitePast();
  std::map<std::string, bool> changed_jobs_;  // Name -> durable.
  std::vector<WorkerRecord> changed_workers_;
  std::vector<Event> events_;
};

}  // namespace penstock

#endif  // COORDINATOR_CORE_COORDINATOR_H_
