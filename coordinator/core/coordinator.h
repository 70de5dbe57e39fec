#ifndef COORDINATOR_CORE_COORDINATOR_H_
#define COORDINATOR_CORE_COORDINATOR_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/core/job.h"
#include "coordinator/core/plan_revision.h"
#include "coordinator/core/views.h"
#include "coordinator/core/worker_pool.h"
#include "proto/job_spec.h"
#include "proto/plan.h"
#include "proto/worker_report.h"

namespace penstock {

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
    PlanRevisions::Options revisions;
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
  absl::StatusOr<Plan> MakePlan(const JobSpec& spec, absl::Time now,
                                const StartPoint& known = {}) const;

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

  // Of jobs that may turn to another plan without a restart; see
  // PlanRevisions. Making it may take longer than a call should, so that is the
  // shell's, without its lock.
  std::vector<DueRevision> DueRevisions() const;
  // The answer to that: a later revision of `due.plan`, or that it stays.
  //
  // Errors: Aborted: the job has gone on to another plan or ended meanwhile;
  //   InvalidArgument: see CheckRevisedPlan.
  absl::Status Revise(const DueRevision& due, const RevisionOutcome& outcome,
                      absl::Time now);

  // Lets time pass: leases end. Returns when to call again at the latest.
  absl::Time Tick(absl::Time now);

  // Errors: NotFound: no such job; names the nearest.
  absl::StatusOr<JobView> Get(const std::string& name) const;
  // By submit time, newest first.
  std::vector<JobView> List() const;
  // By name.
  std::vector<WorkerView> Workers() const;
  // Of the last change of any job.
  uint64_t revision() const { return revision_; }

  Changes TakeChanges();

 private:
  // A job and what need not survive the coordinator.
  struct Job {
    JobRecord record;
    // Transport addresses and what the ranks made; empty until all are READY.
    std::vector<std::string> peers;
    std::vector<CommunicatorId> communicators;
    // Places that may still execute an earlier epoch.
    std::set<Place> uncleared;
    // Until when ranks may stay silent, after a restart.
    absl::Time adoption_end = absl::InfinitePast();
    // Of the failure that the job recovers from: how far it is from the root.
    int failure_distance = 0;
    std::vector<Place> refused;  // There was no plan for these.
    PlanRevisions revisions;
  };
  // What went wrong with a job, and how likely it only follows from something
  // else: 0 a rank's own error, 1 a lost device, 2 an error about a peer.
  struct Failure {
    absl::Status cause;
    int distance = 0;
  };
  // Devices that could serve a job, by worker name and index.
  struct Candidates {
    std::vector<Place> free;
    int total = 0;  // Free or not.
  };

  // submit.cc: what people ask for.
  absl::StatusOr<bool> IsRepeated(const std::string& request_id,
                                  const std::string& call,
                                  const std::string& name) const;
  void NoteRequest(Job& job, const std::string& request_id,
                   const std::string& call, absl::Time now);
  absl::StatusOr<Job*> FindJob(const std::string& name);
  absl::Status NoSuchJob(const std::string& name) const;

  // synchronize.cc: what devices say and are told.
  // Devices that report an assignment of a job that holds them not, after a
  // restart: their executors may take long to die.
  void NoteStrangers(const WorkerReport& report);
  Assignment AssignmentOf(const Job& job, int index) const;
  // What the device of a rank reports, if it is about the epoch in force.
  const DeviceReport* FindRank(const Job& job, int index) const;
  void NoteProgress(Job& job);
  void StartIfReady(Job& job, absl::Time now);
  void FinishIfFinished(Job& job, absl::Time now);
  DeviceInstruction Instruct(const Place& place);

  // recover.cc: what goes wrong.
  std::optional<Failure> FindFailure(const Job& job, absl::Time now) const;
  std::optional<Failure> FailureOfRank(const Job& job, int index,
                                       absl::Time now) const;
  std::optional<absl::Status> FindLoss(const Job& job, const Place& place,
                                       absl::Time now) const;
  void HandleFailure(Job& job, const Failure& failure, absl::Time now);
  void RefineFailure(Job& job, absl::Time now);
  void FinishRecovery(Job& job, absl::Time now);
  void Release(Job& job);

  // revise.cc: what all ranks of a job execute.
  void NoteRevisions(Job& job);

  // schedule.cc: who runs where.
  void Schedule(absl::Time now);
  DeviceChoice DeviceOf(const JobSpec& spec) const;
  Candidates FindCandidates(const JobRecord& job) const;
  // False when the job has to wait for devices, and they should be kept for it.
  // `reserved` free devices are kept for others.
  bool TryAssign(Job& job, int reserved, absl::Time now);
  void Assign(Job& job, Plan plan, std::vector<Place> places, absl::Time now);
  void Wait(Job& job, std::string reason);

  // coordinator.cc
  void Settle(absl::Time now);
  void SettleJob(Job& job, absl::Time now);
  void Change(Job& job, JobState state, std::string reason, absl::Time now);
  void Touch(Job& job, bool durable);
  JobView View(const Job& job) const;
  WorkerView ViewWorker(const std::string& name,
                        const PoolWorker& worker) const;
  void AddEvent(absl::Time now, std::string level, std::string job,
                std::string text);

  const Options options_;
  const PlanMaker make_plan_;
  WorkerPool pool_;
  std::map<std::string, Job> jobs_;
  std::set<std::string> active_;  // Names of jobs neither final nor paused.
  // The job and the index in its record.places of each place that is held.
  std::map<Place, std::pair<std::string, int>> held_;
  // Call and job of each request that is remembered.
  std::map<std::string, std::pair<std::string, std::string>> requests_;
  uint64_t revision_ = 0;
  uint64_t queue_number_ = 0;
  // Until then, orders of the life before may be on their way; and workers may
  // not have reported yet.
  absl::Time assign_from_ = absl::InfinitePast();
  absl::Time known_from_ = absl::InfinitePast();
  std::map<std::string, bool> changed_jobs_;     // Name -> durable.
  std::map<std::string, bool> changed_workers_;  // Name -> draining.
  std::vector<Event> events_;
};

}  // namespace penstock

#endif  // COORDINATOR_CORE_COORDINATOR_H_
