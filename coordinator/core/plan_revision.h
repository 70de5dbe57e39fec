#ifndef COORDINATOR_CORE_PLAN_REVISION_H_
#define COORDINATOR_CORE_PLAN_REVISION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/job.h"
#include "proto/job_spec.h"
#include "proto/plan.h"
#include "proto/worker_report.h"

namespace penstock {

// Makes the plan of a job for `devices`, index replica * ranks + rank, as many
// as the job has ranks in all. `known` is the newest checkpoint that the job
// has reported, empty when it has none. Reports lag: the maker may know of a
// newer one, so the plan's `start` is its choice.
//
// Deterministic but for the checkpoints that it finds. Called with the
// coordinator's lock held, so it should take milliseconds.
//
// Errors: FailedPrecondition, InvalidArgument: what does not fit, and what
// would.
using PlanMaker = std::function<absl::StatusOr<Plan>(
    const JobSpec& spec, const std::vector<DeviceShape>& devices,
    const StartPoint& known)>;

// Bytes that every rank of the plan needs at most.
int64_t MemoryBytes(const Plan& plan);

// A job whose plan may be made again from what its steps have measured.
struct DueRevision {
  std::string job;
  uint64_t epoch = 0;
  std::shared_ptr<const Plan> plan;  // In force on all ranks.
  // Per rank of the pipeline, the least of its devices in all replicas.
  std::vector<int64_t> memory_bytes;
  // Its steps are measured from the one after this on: those before were made
  // by another plan or on other devices.
  int64_t after_step = 0;
  int64_t steps_left = 0;
};

// What came of that.
struct RevisionOutcome {
  std::shared_ptr<const Plan> plan;  // Null: the plan in force stays.
  std::string reason;                // Why; not empty.
  // Of one step: by the plan in force, and predicted of the one that came out
  // or stays; 0 when there was nothing to measure.
  absl::Duration measured;
  absl::Duration predicted;
};

// When the plan of one job that runs one epoch is made again: after so many
// steps by the plan in force on all ranks, and after twice as many the next
// time. The job leaves the choice of its schedule to us, has steps left that
// can gain, and nothing in its way (see RevisionObstacle).
//
// Pure. Thread-compatible.
class PlanRevisions {
 public:
  struct Options {
    int64_t first_after_steps = 5;
    int attempts_max = 6;  // Of one epoch.
    int64_t steps_left_min = 10;
  };

  // All ranks have made `step` steps and execute revision `revision`.
  void NoteInForce(uint64_t revision, int64_t step);

  // A revision was asked for, made or not.
  void NoteAttempt(int64_t step);

  bool IsDue(const Options& options, const Plan& plan, int64_t step) const;

  // The step before the first that was made by the plan in force.
  int64_t in_force_after() const { return in_force_after_; }

 private:
  std::optional<uint64_t> in_force_;
  int64_t in_force_after_ = 0;
  int64_t since_step_ = 0;  // By the plan in force, or since the last attempt.
  int attempts_ = 0;
};

// Appends `record` and forgets the oldest beyond those that are kept.
void AddRevision(RevisionRecord record, std::vector<RevisionRecord>& revisions);

// Whether executors of `plan` may turn to `revised` between two steps.
//
// Errors: InvalidArgument: it is not the next revision, has other stages, or
//   a rank needs more memory than its device has.
absl::Status CheckRevisedPlan(const DueRevision& due, const Plan& revised);

// `made` for the next epoch, with the programs and forecasts of `latest`, the
// plan before, where that was revised and both cut the model alike: what was
// measured is not forgotten over a recovery.
Plan KeepRevision(Plan made, const Plan* latest);

}  // namespace penstock

#endif  // COORDINATOR_CORE_PLAN_REVISION_H_
