#ifndef COORDINATOR_SERVICE_CLUSTER_H_
#define COORDINATOR_SERVICE_CLUSTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/core/coordinator.h"
#include "coordinator/service/observations.h"
#include "coordinator/storage/journal.h"
#include "proto/base/mutex.h"
#include "proto/worker_report.h"

namespace penstock {

// The coordinator's state with its lock, clock and journal: what the gRPC
// services call. It adds to the pure core that an answer leaves only when what
// it tells has been journalled, and that changes can be waited for.
//
// When the journal fails, everything answers Unavailable until what is pending
// has been written; each call and Tick tries again. Workers meanwhile train on
// until their leases end.
//
// Thread-safe: one mutex guards core, journal and observations. It is held for
// the milliseconds of a journal commit, and never while a client is written to.
//
// Errors of all functions: those of the core's function of that name, and
//   Unavailable: the journal cannot be written, or the coordinator stops.
class Cluster {
 public:
  struct Options {
    Coordinator::Options coordinator;
    // Resembles the time of day and never decreases.
    std::function<absl::Time()> now;
    // Progress is journalled with the next change of weight, or after so long.
    absl::Duration progress_delay_max = absl::Seconds(1);
  };

  // Goes on from what the journal holds.
  //
  // Errors: the journal's.
  //   DataLoss: also when a record cannot be read.
  static absl::StatusOr<std::unique_ptr<Cluster>> Open(
      const Options& options, PlanMaker make_plan,
      std::unique_ptr<Journal> journal);

  absl::StatusOr<JobView> Submit(const std::string& request_id,
                                 const JobSpec& spec);
  absl::StatusOr<JobView> Cancel(const std::string& request_id,
                                 const std::string& name);
  absl::StatusOr<JobView> Pause(const std::string& request_id,
                                const std::string& name);
  absl::StatusOr<JobView> Resume(
      const std::string& request_id, const std::string& name,
      const std::optional<ParallelismSpec>& parallelism);
  absl::StatusOr<Plan> MakePlan(const JobSpec& spec);
  absl::StatusOr<WorkerView> Drain(const std::string& name, bool undo);
  absl::StatusOr<WorkerInstruction> Synchronize(const WorkerReport& report);

  absl::Status Revise(const DueRevision& due, const RevisionOutcome& outcome);

  // None when stopped.
  std::vector<DueRevision> DueRevisions();

  // Lets leases end. Called several times a second.
  void Tick();

  // The job that this submission made when it was received before.
  std::optional<JobView> FindSubmission(const std::string& request_id,
                                        const std::string& name);

  absl::StatusOr<JobView> Get(const std::string& name);
  absl::StatusOr<std::vector<JobView>> List();
  absl::StatusOr<std::vector<WorkerView>> Workers();
  std::vector<StepTrace> Traces(const std::string& name, int steps);

  // Adds a line to the job's log; a failure is logged, not returned.
  void AddLog(const std::string& job, const std::string& level,
              const std::string& text);

  // Waits until the job's revision is above `after_revision`, `deadline` of
  // SteadyNow() at the latest; nothing when that has passed. Level-triggered:
  // changes in between are skipped, the last one never is.
  absl::StatusOr<std::optional<JobView>> WaitForJob(const std::string& name,
                                                    uint64_t after_revision,
                                                    absl::Time deadline);

  // Wait until there is something after the given one, the job is final, or the
  // deadline has passed; empty in the latter two cases.
  absl::StatusOr<std::vector<StepMetrics>> WaitForMetrics(
      const std::string& name, int64_t after_step, absl::Time deadline);
  absl::StatusOr<std::vector<StoredLogLine>> WaitForLogs(
      const std::string& name, int64_t after_sequence, absl::Time deadline);

  // Ends all waits, present and to come, with Unavailable.
  void Stop();

  // True when stopped, false when `deadline` of SteadyNow() has passed.
  bool WaitUntilStopped(absl::Time deadline);

  absl::Time now() const { return options_.now(); }

 private:
  Cluster(const Options& options, PlanMaker make_plan,
          std::unique_ptr<Journal> journal);

  absl::Status Recover();

  // Runs `decide(now)` on the core, journals what it changed and only then
  // returns its result.
  template <typename Decide>
  auto Commit(Decide decide) -> decltype(decide(absl::Time()));

  // Takes the core's changes over into `pending_`; gives back its events.
  std::vector<Event> TakeChanges() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Writes `pending_` when it must or when it is time.
  absl::Status Flush() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Not OK when what the core knows may not be told yet.
  absl::Status CheckReadable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepObservations(const WorkerReport& report,
                        WorkerInstruction& instruction)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepEvents(const std::vector<Event>& events)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  Mutex mutex_;
  CondVar changed_;  // Anything that a wait may be for.
  Coordinator core_ ABSL_GUARDED_BY(mutex_);
  const std::unique_ptr<Journal> journal_ ABSL_GUARDED_BY(mutex_);
  Observations observations_ ABSL_GUARDED_BY(mutex_);
  // Changes that are not in the journal yet, the newest of each name.
  std::map<std::string, JobRecord> pending_jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, bool> pending_workers_ ABSL_GUARDED_BY(mutex_);
  bool pending_durable_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time flush_time_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Status journal_status_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_CLUSTER_H_
