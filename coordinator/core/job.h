#ifndef COORDINATOR_CORE_JOB_H_
#define COORDINATOR_CORE_JOB_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/job_spec.h"
#include "proto/plan.h"
#include "proto/worker_report.h"

namespace penstock {

// The states of proto/v1/job.proto; their meaning is written there.
enum class JobState {
  kQueued,
  kPlanning,
  kStarting,
  kRunning,
  kRecovering,
  kPaused,
  kSucceeded,
  kFailed,
  kCancelled
};

// "QUEUED", "PLANNING", ...
std::string ToString(JobState state);

// SUCCEEDED, FAILED and CANCELLED: nothing follows.
bool IsFinal(JobState state);

// STARTING and RUNNING: every rank has a place, and nobody else may use it.
bool HoldsDevices(JobState state);

// Whether the state machine has the transition. A state does not follow itself;
// a new reason for the same state is no transition.
bool MayFollow(JobState from, JobState to);

// The device that a rank runs on.
struct Place {
  std::string worker;
  Incarnation incarnation = 0;
  int device = 0;

  friend auto operator<=>(const Place&, const Place&) = default;
};

// A mutating call that took effect on the job.
struct RequestRecord {
  std::string id;
  std::string call;  // "submit", "cancel", "pause" or "resume".
  absl::Time time;
};

// One time that the plan of a running job was made again from what its own
// steps measured, whether or not another came out.
struct RevisionRecord {
  uint64_t epoch = 0;
  uint64_t revision = 0;  // Of the plan that is to be in force from then on.
  int64_t step = 0;       // Updates made, as last reported.
  absl::Time time;
  std::string schedule_before;
  std::string schedule;      // Equal to that before: it was kept.
  std::string reason;        // Never empty; for people.
  absl::Duration measured;   // Of a step by the plan before; 0: it was not.
  absl::Duration predicted;  // Of a step by the plan that came out; 0: not.

  friend bool operator==(const RevisionRecord&,
                         const RevisionRecord&) = default;
};

// All that has to survive the coordinator. Written to the journal whole, at
// each change.
struct JobRecord {
  JobSpec spec;
  JobState state = JobState::kQueued;
  std::string reason;  // Never empty.
  absl::Time submit_time;
  absl::Time transition_time;  // Of the last change of state.
  // The coordinator's revision at the last change of this job.
  uint64_t revision = 0;
  // Place in the queue: lower is served first. Set when the job is queued; a
  // recovering job keeps it.
  uint64_t queue_number = 0;
  // Number of the last plan, from 1; 0 before the first. Never used twice.
  uint64_t epoch = 0;
  std::shared_ptr<const Plan> plan;  // The last plan; null before the first.
  // Index replica * ranks + rank; empty unless HoldsDevices(state).
  std::vector<Place> places;
  // Updates made by every rank, as last reported; goes back only with a new
  // epoch.
  int64_t step = 0;
  int64_t step_max = 0;   // The highest that `step` has ever been.
  StartPoint checkpoint;  // Newest complete one of this job; may be empty.
  bool pause_requested = false;
  int64_t recoveries = 0;  // In all.
  // Since `step_max` last grew.
  int64_t recoveries_without_progress = 0;
  // Why the last recovery was needed.
  std::string last_failure;
  // Bytes that every rank of the last plan needs at most.
  int64_t memory_bytes = 0;
  std::vector<RevisionRecord> revisions;  // Of the plan; oldest first.
  std::vector<RequestRecord> requests;    // Of the last 24 hours, oldest first.
};

// Ranks of all replicas.
int PlaceCount(const JobSpec& spec);

// Moves the job to `state` for `reason`. The transition must be one of the
// state machine's (an invariant, not an error). Neither revision nor places
// change.
void Transition(JobRecord& job, JobState state, std::string reason,
                absl::Time now);

}  // namespace penstock

#endif  // COORDINATOR_CORE_JOB_H_
